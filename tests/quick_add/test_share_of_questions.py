"""Questions are right, but each is a step more: of the sentences with one meaning few may get one."""

from tests.quick_add.saying import codes, said

# As strangers write, each with one meaning for most people; what the grammar does not have is among them.
ONE_MEANING = """
Buy milk tomorrow
Pick up the kids at 15:30
Call the plumber on monday at 9am
Water the plants every 3 days
Pay the electricity bill by friday
Submit the tax return on 30 april
Team lunch on friday at noon
remind me to call mum tomorrow at 9
remind me in 20 minutes to take the cake out
Book flights to Rome #travel !high
gym every mon, wed and fri at 18:00
Change the water filter every 3 months
Dentist on 14 april at 10:30 remind me 1 day before
bins out every thursday evening
Standup every weekday at 9:15
Renew the passport in 6 months
Send the invoice on the 1st
Yoga tonight
Finish the slides by tomorrow at noon
Read 20 pages every day
Clean the garage this saturday
Oil change in 2 weeks at 8am
Movie with Anna on saturday at 8pm
Birthday of Tom every year on 12 june
Rent every month on the 1st at 9am #home
Backup at midnight
Fix bug #142 tomorrow
Call Bob at 9
Lunch with Sue at 12:30 on thursday
vote on 2026-09-13
Return the library books by 2 april
Plan the sprint every other monday at 10
Take vitamins every morning
Board meeting every last friday at 14:00
Check the oven in half an hour
prepare the talk the day after tomorrow
lunch tomorrow with bob
tomorrow at 11 call the bank
Report due next monday
Ask about the refund today
Stretch every day at 21:00 until 30 june
water the garden in the evening
Write to the landlord about the heating
Order 2 boxes of paper
Watch the match at 20:45
book the hotel in two weeks
Feed the cat at 8am every day
jog on sunday morning
Meeting with the architect on 3 june at 11
Cancel the trial in 13 days
""".strip().splitlines()


def test_of_strangers_sentences_at_most_one_in_ten_is_asked() -> None:
    asked = [text for text in ONE_MEANING if codes(said(text))]
    assert len(asked) <= len(ONE_MEANING) // 10, asked

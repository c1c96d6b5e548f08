from celery import shared_task

from accounts_app import erasure, mails, sign_ins
from accounts_app.known_addresses import purge_known_addresses


@shared_task(name="accounts_app.send_due_mails")
def send_due_mails() -> int:
    """Tick: send due mails."""
    return mails.send_due_mails()


@shared_task(name="accounts_app.purge_accounts")
def purge_accounts() -> int:
    """Tick: delete expired sign-ins, addresses not used for long, and the rows of handled mails."""
    return sign_ins.purge_expired() + purge_known_addresses() + mails.purge_handled()


@shared_task(name="accounts_app.erase_closed_accounts")
def erase_closed_accounts() -> int:
    """Tick: erase the data of closed accounts."""
    return erasure.erase_closed_accounts()

"""Tags and priorities in the admin: a tag's deletion is a change of its tasks, a priority in use stays."""

import pytest
from django.test import Client

from accounts_app.models import User
from recurring_app.models import RecurringTask
from tasks_app.models import DEFAULT_PRIORITY_ID, Priority, Tag, Task
from tasks_app.services import create_task
from tests.tasks_app.admin_pages import act, edit, opened, send, url_of
from tests.tasks_app.recorded import recorded

pytestmark = pytest.mark.django_db


@pytest.fixture
def tags(alice: User) -> list[Tag]:
    return [Tag.objects.create(user=alice, name=name) for name in ("garden", "weekly")]


class TestTags:
    def test_add_and_rename(self, operator: Client, alice: User) -> None:
        url = url_of("add", Tag)
        assert send(operator, url, opened(operator, url), user=str(alice.pk), name="garden") == {}
        tag = Tag.objects.get()
        create_task(alice, title="one", tags=[tag])
        with recorded() as found:
            assert edit(operator, tag, name="yard") == {}
        assert found.of_tasks == []
        assert Tag.objects.get().name == "yard"

    def test_two_of_one_name(self, operator: Client, alice: User, bob: User, tags: list[Tag]) -> None:
        assert "You already have" in str(edit(operator, tags[0], name="weekly"))
        url = url_of("add", Tag)
        page = opened(operator, url)
        assert "You already have" in str(send(operator, url, page, user=str(alice.pk), name="weekly"))
        assert send(operator, url, page, user=str(bob.pk), name="weekly") == {}

    def test_a_colour_that_is_none(self, operator: Client, tags: list[Tag]) -> None:
        assert list(edit(operator, tags[0], color="red")) == ["color"]

    def test_a_tag_stays_its_users(self, operator: Client, bob: User, alice: User, tags: list[Tag]) -> None:
        assert edit(operator, tags[0], user=str(bob.pk)) == {}
        assert set(Tag.objects.values_list("user", flat=True)) == {alice.pk}

    @pytest.mark.django_db(transaction=True)
    def test_delete(self, operator: Client, alice: User, tags: list[Tag]) -> None:
        task = create_task(alice, title="one", tags=tags)
        with recorded() as found:
            assert operator.post(url_of("delete", tags[0]), {"post": "yes"}).status_code == 302
        assert found.types == [("task.updated", task.pk)]
        assert found.data(task.pk)["tag_ids"] == [tags[1].pk]

    @pytest.mark.django_db(transaction=True)
    def test_delete_several(self, operator: Client, alice: User, tags: list[Tag]) -> None:
        both = create_task(alice, title="both", tags=tags)
        one = create_task(alice, title="one", tags=tags[:1])
        create_task(alice, title="none")
        with recorded() as found:
            act(operator, "delete_selected", tags, post="yes")
        assert sorted(found.types) == [("task.updated", both.pk), ("task.updated", one.pk)]
        assert len(found.of_tasks) == 4
        assert not Tag.objects.exists()


class TestPriorities:
    def test_the_fifth_level(self, operator: Client) -> None:
        url = url_of("add", Priority)
        assert send(operator, url, opened(operator, url), name="Urgent", level="5", color="#000000") == {}
        assert Priority.objects.get(level=5).name == "Urgent"

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"level": "6"}, "level"),
            ({"level": "1"}, "level"),
            ({"name": "Low"}, "name"),
            ({"color": "red"}, "color"),
        ],
    )
    def test_refused_by_name(self, operator: Client, changes: dict[str, str], field: str) -> None:
        assert list(edit(operator, Priority.objects.get(name="High"), **changes)) == [field]

    def test_one_in_use_stays(self, operator: Client, alice: User) -> None:
        high = Priority.objects.get(name="High")
        create_task(alice, title="one", priority=high)
        for ask in (operator.get, operator.post):
            page = ask(url_of("delete", high), {"post": "yes"})
            assert page.status_code == 200
            assert "High: tasks that have it" in page.content.decode()
        assert "High: tasks that have it" in act(operator, "delete_selected", [high], post="yes")
        assert Priority.objects.filter(pk=high.pk).exists()

    def test_one_that_a_template_uses_stays(self, operator: Client, alice: User) -> None:
        high = Priority.objects.get(name="High")
        RecurringTask.objects.create(
            user=alice,
            template_title="x",
            recurrence_pattern="daily",
            priority=high,
            starts_at="2030-01-01T09:00",
        )
        page = operator.post(url_of("delete", high), {"post": "yes"}).content.decode()
        assert "High: recurring tasks that have it" in page

    def test_the_default_stays(self, operator: Client) -> None:
        default = Priority.objects.get(pk=DEFAULT_PRIORITY_ID)
        assert "new tasks" in operator.post(url_of("delete", default), {"post": "yes"}).content.decode()
        assert "new tasks" in act(operator, "delete_selected", list(Priority.objects.all()), post="yes")
        assert Priority.objects.count() == 4

    def test_an_unused_one_goes(self, operator: Client) -> None:
        high, low = Priority.objects.get(name="High"), Priority.objects.get(name="Low")
        assert operator.post(url_of("delete", high), {"post": "yes"}).status_code == 302
        act(operator, "delete_selected", [low], post="yes")
        assert set(Priority.objects.values_list("name", flat=True)) == {"Medium", "Critical"}
        assert not Task.objects.exists()

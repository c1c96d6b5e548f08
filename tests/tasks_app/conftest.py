import pytest

from accounts_app.models import User
from tasks_app.models import Tag, Task


@pytest.fixture
def task(alice: User) -> Task:
    return Task.objects.create(user=alice, title="water the plants")


@pytest.fixture
def tag(alice: User) -> Tag:
    return Tag.objects.create(user=alice, name="garden")

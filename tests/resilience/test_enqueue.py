import pytest

from resilience.models import Task
from resilience.tasks import durable, enqueue


@durable("test.nothing")
def nothing(context) -> None: ...


@pytest.mark.django_db
def test_a_second_task_with_the_same_live_key_is_not_made():
    assert enqueue("test.nothing", key="a") is not None
    assert enqueue("test.nothing", key="a") is None
    assert Task.objects.count() == 1

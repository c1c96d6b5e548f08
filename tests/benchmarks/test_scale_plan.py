"""The plan grows with its users, and says where one of something is no longer enough."""

from benchmarks.scale_plan import Plan


def plan(users: int) -> Plan:
    return Plan(users, postgres_read=0.6, postgres_write=2.0)


def test_rates_are_of_the_busiest_hour() -> None:
    million = plan(1_000_000)
    assert round(million.writes) == round(300_000 * 10 / 86_400 * 3) == 104
    assert round(million.burst * 60) == 300_000 * 3 * 0.02


def test_ten_times_the_users_need_ten_times_the_processors_and_at_least_two_pods() -> None:
    small, large = plan(10_000_000), plan(100_000_000)
    for name, busy in large.processors().items():
        assert round(busy / small.processors()[name], 6) == 10
    assert all(pods == 2 for name, pods in plan(1).pods().items() if name != "beat")
    assert small.databases == 1 < large.databases
    assert plan(1_000).kafka_brokers == 0 < small.kafka_brokers
    assert sum(plan(1_000).dollars().values()) < sum(small.dollars().values()) < sum(large.dollars().values())

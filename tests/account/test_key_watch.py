"""Boxes whose key was refused, and the first one for which it works again."""

from custom_components.lianke.account.request_limits import KEY_PAUSE_LIMIT, KeyWatch
from tests.clock import Clock


def test_all_that_wait_are_woken_once(clock: Clock) -> None:
    watch, woken = KeyWatch(), []
    watch.await_key("a", lambda: woken.append("a"))
    watch.await_key("b", lambda: woken.append("b"))
    watch.await_key("gone", lambda: woken.append("gone"))
    watch.forget("gone")
    watch.key_works("b")
    watch.key_works()
    assert woken == ["a"]


def test_a_box_that_is_refused_alone_is_woken_less_often(clock: Clock) -> None:
    """The others show once a minute that the key works."""
    watch, woken = KeyWatch(), 0

    def wake() -> None:
        nonlocal woken
        woken += 1
        watch.await_key("alone", wake)

    watch.await_key("alone", wake)
    a_day = 24 * 60
    for _ in range(a_day):
        watch.key_works("other")
        clock.tick(60)
    # Doubled from a minute on until it is an hour, and each hour from then on.
    assert 24 <= woken <= 24 + 7
    assert KEY_PAUSE_LIMIT == 60 * 60
    watch.key_works("alone")
    watch.await_key("alone", wake)
    watch.key_works("other")
    assert 25 <= woken <= 25 + 7

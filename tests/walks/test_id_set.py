"""The set of ids that a walk remembers."""

from hypothesis import given, strategies as st

from bigcommerce_b2b_invoices.walks.id_set import IdSet


@given(st.lists(st.tuples(st.sampled_from(["add", "discard"]), st.integers(0, 200) | st.integers(0, 2**63 - 1))))
def test_it_does_what_a_set_does(steps: list[tuple[str, int]]) -> None:
    ours, model = IdSet(), set[int]()
    for step, number in steps:
        if step == "add":
            assert ours.add(number) == (number not in model)
            model.add(number)
        else:
            ours.discard(number)
            model.discard(number)

"""The document's figures are those of the code, and they say what the document says of them."""

from datetime import timedelta

import pytest

from tests.uplink_figures import DOCUMENT, SIZES, TABLES, renewed
from tests.uplink_month import ALL_EVENTS, NO_BLANKS, UNBOUND, month
from trapnode.message import MAX_MESSAGE
from trapnode.policy.report import PRIORITY_OTHER, PRIORITY_STATUS


def test_the_documents_tables_are_current():
    text = DOCUMENT.read_text("utf-8")
    assert renewed(text) == text, "run: make uplink-figures"


def test_the_shares_are_shares():
    assert sum(ALL_EVENTS.values()) == pytest.approx(100)
    assert sum(NO_BLANKS.values()) == pytest.approx(100)


def test_no_leopard_waits_and_a_busy_place_spends_no_more_than_the_budget_but_for_leopards():
    busy, free = month(300, NO_BLANKS), month(300, NO_BLANKS, UNBOUND)
    assert busy.slowest_target == free.slowest_target == timedelta(0)
    assert busy.credits.total() < free.credits.total()
    assert not [each for each in free.waiting if each.priority < PRIORITY_OTHER]
    assert not [each for each in busy.waiting if each.priority == PRIORITY_STATUS], "it reports"


def test_what_the_document_says_of_sizes_holds():
    assert SIZES == {"1 observation": 22, "2": 33, "3": 44, "status": 47}
    assert max(SIZES.values()) <= MAX_MESSAGE


def test_a_document_without_a_place_for_a_table_is_refused():
    with pytest.raises(ValueError, match=f"lacks .*{next(iter(TABLES))}"):
        renewed("# Nothing here\n")

"""Hostile files among good ones, in one run of the command; the bombs have tests of their own."""

from __future__ import annotations

from faults.inputs import trials, tried


def test_every_good_photo_is_done_and_every_bad_one_named(tmp_path, weights):
    assert len(tried(tmp_path, weights, trials())) == len(trials()) + 1

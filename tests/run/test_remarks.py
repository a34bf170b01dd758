"""What is said once of a run, and what is held back."""

from __future__ import annotations

from maskdepth_cli.run.remarks import Repeats, Sign, Watch

ODD = Sign("odd", "odd in {count} of {total}")
ANY = Sign("any", "any in {count} of {total}", 0)


def told(signs, results):
    watch = Watch(signs)
    early = [text for result in results for text in watch.add(result)]
    return early, list(watch.end())


def test_a_sign_of_most_photos_is_told_early_and_once():
    assert told([ODD], [["odd"]] * 20) == (["odd in 8 of 8"], [])
    assert told([ODD], [["odd"]] * 3) == ([], ["odd in 3 of 3"])
    assert told([ODD], [["odd"], []] * 10) == ([], [])  # half is not most
    assert told([ODD], [["odd"], [], ["odd"]] * 10) == ([], ["odd in 20 of 30"])


def test_a_sign_of_any_photo_is_told_at_the_end_with_its_count():
    assert told([ANY], [[]] * 9 + [["any"]]) == ([], ["any in 1 of 10"])
    assert told([ANY, ODD], [["other"]] * 10) == ([], [])


def test_remarks_that_differ_by_name_and_number_are_of_one_kind():
    repeats = Repeats()
    texts = [(f"x/IMG_{i}.jpg", f"x/IMG_{i}.png is {i}x{i + 1}, not 5%") for i in range(300)]
    printed = [repeats.first(name, text) for name, text in texts]
    assert sum(printed) == 5
    assert all(printed[:5])
    assert repeats.first("a.jpg", "the file is empty")
    assert list(repeats.end()) == ["295 more photos: NAME.png is NxN, not N%"]
    assert list(repeats.end()) == []


def test_one_text_is_told_as_it_is():
    repeats = Repeats()
    for i in range(6):
        repeats.first(f"{i}.jpg", "no mask for it in masks2")
    assert list(repeats.end()) == ["1 more photo: no mask for it in masks2"]

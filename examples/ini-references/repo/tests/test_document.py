import unittest

from inikit import IniError, LookupFailure, read


class DocumentTest(unittest.TestCase):
    def setUp(self):
        self.document = read("[site]\ntitle = My blog\npages = 12\ndrafts = Yes\n")

    def test_get_takes_the_key_in_any_case(self):
        self.assertEqual(self.document.get("site", "TITLE"), "My blog")

    def test_get_says_what_is_missing(self):
        with self.assertRaisesRegex(LookupFailure, r"no section \[blog\]"):
            self.document.get("blog", "title")
        with self.assertRaisesRegex(LookupFailure, r"no key 'name' in \[site\]"):
            self.document.get("site", "name")

    def test_get_int_takes_whole_numbers_only(self):
        self.assertEqual(self.document.get_int("site", "pages"), 12)
        with self.assertRaisesRegex(IniError, "not a whole number"):
            self.document.get_int("site", "title")

    def test_get_bool_takes_words_for_yes_and_no(self):
        self.assertIs(self.document.get_bool("site", "drafts"), True)
        self.document.set("site", "drafts", "OFF")
        self.assertIs(self.document.get_bool("site", "drafts"), False)
        with self.assertRaisesRegex(IniError, "neither yes nor no"):
            self.document.get_bool("site", "pages")

    def test_remove_takes_a_key_away(self):
        self.document.remove("site", "Pages")
        self.assertEqual(self.document.keys("site"), ["title", "drafts"])
        with self.assertRaises(LookupFailure):
            self.document.remove("site", "pages")

import unittest

from inikit.lines import Entry, LineError, Section, parse_line, unquote


class ParseLineTest(unittest.TestCase):
    def test_line_that_is_empty_or_a_comment_says_nothing(self):
        for text in ("", "   ", "# note", "  ; note"):
            self.assertIsNone(parse_line(text), text)

    def test_line_in_brackets_is_a_section(self):
        self.assertEqual(parse_line(" [ site ]  # note"), Section("site"))

    def test_line_with_equals_is_an_entry(self):
        self.assertEqual(parse_line("Title = My blog"), Entry("title", "My blog"))

    def test_line_keeps_what_follows_a_second_equals(self):
        self.assertEqual(parse_line("query = a=b"), Entry("query", "a=b"))

    def test_line_loses_its_comment(self):
        for text in ("pages = 12  # many", "pages = 12 ; many", "pages = 12\t#many"):
            self.assertEqual(parse_line(text), Entry("pages", "12"), text)

    def test_line_may_have_an_empty_value(self):
        self.assertEqual(parse_line("title ="), Entry("title", ""))

    def test_line_that_is_nothing_known_is_an_error(self):
        for text in ("title", "= value", "[site", "[]", "[a] b"):
            with self.assertRaises(LineError, msg=text):
                parse_line(text)


class UnquoteTest(unittest.TestCase):
    def test_unquote_keeps_outer_spaces_and_doubled_quotes(self):
        self.assertEqual(unquote('" a ""b"" "'), ' a "b" ')

    def test_unquote_leaves_a_lone_quote(self):
        for value in ('"', '"a', 'a"'):
            self.assertEqual(unquote(value), value)

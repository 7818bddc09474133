import unittest

from inikit import ParseFailure, read


class ReadTest(unittest.TestCase):
    def test_read_keeps_the_order_of_sections_and_keys(self):
        document = read("[b]\nz = 1\na = 2\n[a]\n")
        self.assertEqual(list(document), ["b", "a"])
        self.assertEqual(document.keys("b"), ["z", "a"])

    def test_read_takes_the_last_of_two_values(self):
        self.assertEqual(read("[a]\nk = 1\nK = 2\n").get("a", "k"), "2")

    def test_read_joins_a_section_that_comes_twice(self):
        self.assertEqual(read("[a]\nx = 1\n[b]\n[a]\ny = 2\n").keys("a"), ["x", "y"])

    def test_read_ignores_a_byte_order_mark(self):
        self.assertEqual(read("\ufeff[a]\nk = 1\n").get("a", "k"), "1")

    def test_read_names_the_line_of_a_mistake(self):
        for text, line in (("[a]\n\nnope\n", 3), ("k = 1\n", 1)):
            with self.assertRaises(ParseFailure) as caught:
                read(text)
            self.assertEqual(caught.exception.line, line)

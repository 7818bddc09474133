import unittest

from inikit import read, write
from inikit.document import Document


class WriteTest(unittest.TestCase):
    def test_write_puts_an_empty_line_between_sections(self):
        self.assertEqual(write(read("[a]\nx=1\n[b]\ny=2\n")), "[a]\nx = 1\n\n[b]\ny = 2\n")

    def test_write_of_an_empty_document_is_empty(self):
        self.assertEqual(write(Document()), "")

    def test_write_quotes_a_value_with_outer_spaces(self):
        document = Document()
        document.set("a", "k", " x ")
        self.assertEqual(write(document), '[a]\nk = " x "\n')
        self.assertEqual(read(write(document)), document)

    def test_write_refuses_a_value_of_two_lines(self):
        document = Document()
        document.set("a", "k", "x\ny")
        with self.assertRaises(ValueError):
            write(document)

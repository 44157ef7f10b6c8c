"""report.html in a run folder: one page that shows a search.

    reading -> facts -> figures -> page

The run folder is read into frozen dataclasses, matplotlib draws figures as
inline SVG, and Jinja writes one file that loads nothing else.
"""

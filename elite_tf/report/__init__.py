"""One page that shows a search to a person: report.html in the run folder.

    reading -> facts -> figures -> page

What a run folder holds is read into frozen records, drawn by matplotlib as
inline SVG, and set by Jinja into one file that needs nothing else.
"""

"""What is kept of a search beside its runs.

searches/NAME/search.json   what was asked for
searches/NAME/trials.json   one entry a trial, in the order of points and rungs: a function of the runs alone
searches/NAME/*             pages and tables for people
"""

from __future__ import annotations

from pellucid.storage.study_folder import StudyFolder


class SearchFolder(StudyFolder):
    """The folder of the search `name` under the folder of runs."""

    kind, kinds = "search", "searches"

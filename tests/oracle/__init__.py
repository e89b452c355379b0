"""A second, independent implementation of the settlement, for differential testing.

`calculation/` settles a request, `generate/` makes packs and requests, `differences.py` says where two answers differ,
`compare.py` and `test_agreement.py` look for differences, `corpus.py` keeps a thousand answers for quick runs.
"""

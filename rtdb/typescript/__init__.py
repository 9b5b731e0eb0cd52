"""Modules written in TypeScript: what they are made of, and the processes that run them.

``module_set`` is a push of such modules as data, and as files of a bundle. Nothing here knows transactions, or the
functions of an app in other languages: those are `functions/`.
"""

"""Modules written in TypeScript: what they are made of, and the processes that run them.

==================  ===================================================================================================
``module_set``      a push of such modules as data, and as files of a bundle
``host``            the process that runs queries and mutations, for one that can wait: begin here; ``channel`` carries
                    its frames
``steps``           what that process and its owner say to each other
``analysis``        what the modules contain
``deno``            where Deno is, and how it is started so that its code can reach nothing
``action_host``     the processes that run actions, for one that has other things to do meanwhile; ``host_channel`` and
                    ``host_bodies`` are what passes
``stack``           stacks of errors in the author's files, by ``source_map``
``javascript/``     the other side of all that
==================  ===================================================================================================

Nothing here knows transactions, or the functions of an app in other languages: those are `functions/`.
See `docs/design/typescript.md`.
"""

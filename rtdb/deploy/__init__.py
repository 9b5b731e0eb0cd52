"""Deploys: how code becomes a server's, whoever brings it.

==================  ==============================================================================================
``deployer``        the one way in which it happens, in one go or in steps
``staged_deploy``   one of those that are taken in steps: what it is, and what has become of it
``preparation``     what has to happen to the data before: documents are checked, indexes are built
``deploy_stream``   a deploy by `rtdb deploy`, which follows it as it happens
``pushes``          a push by the official CLI, whose steps are requests (cli-endpoints §6)
``push_request``    what that CLI sends, as modules
``push_answer``     what it is answered
==================  ==============================================================================================
"""

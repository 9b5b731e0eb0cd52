"""Large bytes beside documents: files named by their content, and the documents that describe them.

::

    `_storage`        what apps see of a file: size, type, SHA-256   ┐
    `_file_storage`   its address, and the name of its content       │ functions/stored_files, functions/system/files
    `_blobs`          how many files have this content               ┘
    <data_dir>/blobs/<xx>/<BLAKE3>   the content, once                 BlobStore

Whoever takes bytes in (:mod:`~rtdb.blobstore.upload`) writes them to the disk first, durably, and then describes them
in one transaction; whoever deletes a file deletes documents, and the collector (:mod:`~rtdb.blobstore.collector`) later
the content that nothing refers to any more. docs/design/files.md says why the two never meet.

Contents: ``store`` (content on disk, and nothing else), ``addresses`` (where files are uploaded to and read),
``upload`` (bytes in), ``download`` (bytes out), ``collector`` (content out), ``check`` (``rtdb check`` over both).
"""

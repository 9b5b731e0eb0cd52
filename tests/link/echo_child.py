"""A child that says what it was given: a word from its link, its parent, the names in its environment."""

from __future__ import annotations

import os
import sys

from rtdb.link.child import become_child, inherited_socket

if __name__ == "__main__":
    descriptor, parent = map(int, sys.argv[1:])
    become_child(parent, "echo-child")
    link = inherited_socket(descriptor)
    word = link.recv(100).decode()
    link.sendall("\n".join([word, str(os.getppid()), *os.environ]).encode())

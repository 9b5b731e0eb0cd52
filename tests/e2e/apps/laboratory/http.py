from rtdb import HttpRouter

from .files import download, upload

http = HttpRouter()
http.route(path="/files", method="POST", handler=upload)
http.route(path_prefix="/files/", method="GET", handler=download)

from rtdb import HttpRouter

from .pages import answer, broken, count, echo, fail, hello, identity, keep, numbers, slow, whole, wrong

http = HttpRouter()
http.route(path="/hello", method="GET", handler=hello)
http.route(path="/hello", method="OPTIONS", handler=answer)
http.route(path="/echo", method="POST", handler=echo)
http.route(path="/count", method="POST", handler=count)
http.route(path="/fail", method="POST", handler=fail)
http.route(path="/broken", method="GET", handler=broken)
http.route(path="/wrong", method="GET", handler=wrong)
http.route(path="/identity", method="GET", handler=identity)
http.route(path_prefix="/numbers/", method="GET", handler=numbers)
http.route(path_prefix="/numbers/special/", method="GET", handler=answer)
http.route(path="/keep", method="POST", handler=keep)
http.route(path_prefix="/slow/", method="GET", handler=slow)
http.route(path_prefix="/whole/", method="GET", handler=whole)

"""The HTTP API: functions called by request, service endpoints, errors in the shape clients expect.

Everything here is an ASGI application that answers through a :class:`rtdb.http.facade.Facade`; it holds no state of
its own beyond counters, and knows neither the link to the hub nor the sockets. Read :mod:`rtdb.http.app` for the way
of a request, :mod:`rtdb.http.function_routes` for what calls a function, :mod:`rtdb.http.error_response` for what can
go wrong.
"""

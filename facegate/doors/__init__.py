"""Outputs that move a lock, and what watches over them.

A door's output is written as one line of text (`facegate.doors.spec`), opened by a plugin
(`facegate.doors.plugins`) and driven by `facegate.doors.controller.DoorController`.
"""

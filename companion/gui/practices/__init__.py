"""The person's own practices: listed, written, looked at as they would be, tried. Main thread.

page     the list on the left, the chosen practice or the editor on the right
editor   the fields of one practice, each with what is wrong beside it
steps    the fields of its steps
preview  a practice from its opening question to its end
"""

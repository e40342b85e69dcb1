"""What ``doctor`` looks at. One module a subject; each offers functions or objects that return diagnoses, and change nothing.

Whatever moves while it is looked at is looked at again before it is called wrong: a busy system has no findings.
"""

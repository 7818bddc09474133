"""From a brief to a spec that passes the ready gate.

Two ways to ask, one result: ``whole`` for models that can write a spec at once, ``steps`` for small
ones that fill it in little by little. Everything mechanical is applied by code in ``assemble``.
"""

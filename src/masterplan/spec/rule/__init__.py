"""The rules of the ready gate, by what they look at; each takes spec and facts."""

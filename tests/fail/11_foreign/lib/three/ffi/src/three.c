/* Never compiled: the programs that import this are wrong. */

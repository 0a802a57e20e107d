"""Facts and policy into descriptions; pure: nothing is read, nothing is run, nothing is written."""

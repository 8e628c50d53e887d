"""KFP components: declarations only, each calls one function of kubepresso.steps."""

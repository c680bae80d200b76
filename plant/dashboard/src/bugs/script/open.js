// Page of bugs of SQAL: the list with its filters, the form for a new bug, and one bug with its history.
// The files beside this one, and those that all pages share, are joined to one script, in the order of their use.

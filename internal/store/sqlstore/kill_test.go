package sqlstore

const childVariable = "USHER_SQLSTORE_CHILD"

func child() int { return 0 }

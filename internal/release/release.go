// Package release says which version of usher this is. The number stands here and nowhere else.
package release

import (
	"cmp"
	"strconv"
	"strings"
)

// Version is this version.
const Version = "0.1.0"

// Meets tells whether a version is the minimum or later. Both are three numbers, as in 0.1.0; what is none is never met.
func Meets(version, minimum string) bool {
	have, ok := parse(version)
	want, wanted := parse(minimum)
	return ok && wanted && cmp.Or(cmp.Compare(have[0], want[0]), cmp.Compare(have[1], want[1]), cmp.Compare(have[2], want[2])) >= 0
}

func parse(version string) (numbers [3]uint64, ok bool) {
	parts := strings.Split(version, ".")
	if len(parts) != len(numbers) {
		return numbers, false
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return numbers, false
		}
		numbers[i] = n
	}
	return numbers, true
}

package server

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// accepted answers which of the media types, the preferred one first, a request accepts most (RFC 9110 §12.5.1). Where
// it accepts none of them it gets the first all the same, which that section leaves to the server.
func accepted(r *http.Request, offers ...string) string {
	if only := r.Header["Accept"]; len(only) == 0 || len(only) == 1 && only[0] == offers[0] { // what APIs send
		return offers[0]
	}
	ranges := mediaRanges(strings.Join(r.Header.Values("Accept"), ","))
	best, most := offers[0], 0.0
	for _, offer := range offers {
		if q := quality(ranges, offer); q > most {
			best, most = offer, q
		}
	}
	return best
}

// mediaRange is an element of Accept; q is its weight.
type mediaRange struct {
	name string
	q    float64
}

// mediaRanges reads Accept. What is malformed is left out, and so are ranges with parameters: none of our types has any.
func mediaRanges(header string) []mediaRange {
	if strings.TrimSpace(header) == "" {
		return []mediaRange{{"*/*", 1}}
	}
	var list []mediaRange
	for element := range strings.SplitSeq(header, ",") {
		name, params, err := mime.ParseMediaType(element)
		if err != nil {
			continue
		}
		m := mediaRange{name, 1}
		if weight, there := params["q"]; there {
			if m.q, err = strconv.ParseFloat(weight, 64); err != nil || m.q < 0 || m.q > 1 {
				continue
			}
			delete(params, "q")
		}
		if len(params) == 0 {
			list = append(list, m)
		}
	}
	return list
}

// quality is the weight of a media type: that of the range which names it most closely; 0 for none.
func quality(ranges []mediaRange, offer string) float64 {
	kind, _, _ := strings.Cut(offer, "/")
	for _, name := range []string{offer, kind + "/*", "*/*"} {
		for _, m := range ranges {
			if m.name == name {
				return m.q
			}
		}
	}
	return 0
}

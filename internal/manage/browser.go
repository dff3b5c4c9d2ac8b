package manage

import "strings"

// maxBrowserName bounds what a program that is no known browser calls itself.
const maxBrowserName = 40

// The marks of browsers and systems in a User-Agent, in the order in which they are looked for:
// most browsers name others, too (RFC 9110 §10.1.5).
var (
	browserMarks = [][2]string{
		{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"OPR/", "Opera"}, {"OPiOS/", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"}, {"Vivaldi/", "Vivaldi"}, {"FxiOS/", "Firefox"},
		{"Firefox/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chromium/", "Chromium"}, {"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
	}
	systemMarks = [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
		{"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Macintosh", "macOS"}, {"Linux", "Linux"},
	}
)

// BrowserName is a User-Agent in a few words, such as "Firefox on Linux"; the first word of what is
// no known browser; empty for none.
func BrowserName(userAgent string) string {
	browser, system := marked(userAgent, browserMarks), marked(userAgent, systemMarks)
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser != "":
		return browser
	}
	first, _, _ := strings.Cut(strings.TrimSpace(userAgent), " ")
	if runes := []rune(first); len(runes) > maxBrowserName {
		first = string(runes[:maxBrowserName]) + "..."
	}
	return first
}

func marked(userAgent string, marks [][2]string) string {
	for _, m := range marks {
		if strings.Contains(userAgent, m[0]) {
			return m[1]
		}
	}
	return ""
}

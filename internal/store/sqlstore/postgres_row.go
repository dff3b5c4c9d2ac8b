package sqlstore

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// postgresRow is a row in whichever format the connection's mode brings: binary or text, column by
// column. What cannot be read as what it was asked for becomes the error of the whole call.
type postgresRow struct {
	values [][]byte
	fields []pgconn.FieldDescription
	err    error
}

func (r *postgresRow) isText(i int) bool { return r.fields[i].Format == pgtype.TextFormatCode }

func (r *postgresRow) fail(i int, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("column %s (type %d, format %d, %d bytes) cannot be read as %s",
			r.fields[i].Name, r.fields[i].DataTypeOID, r.fields[i].Format, len(r.values[i]), want)
	}
}

func (r *postgresRow) int(i int) int64 {
	v := r.values[i]
	switch {
	case v == nil:
		return 0
	case r.isText(i):
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			r.fail(i, "an integer")
		}
		return n
	case len(v) == 8 && r.fields[i].DataTypeOID == pgtype.Int8OID:
		return int64(binary.BigEndian.Uint64(v))
	case len(v) == 4 && r.fields[i].DataTypeOID == pgtype.Int4OID:
		return int64(int32(binary.BigEndian.Uint32(v)))
	}
	r.fail(i, "an integer")
	return 0
}

func (r *postgresRow) float(i int) float64 {
	v := r.values[i]
	switch {
	case v == nil:
		return 0
	case r.isText(i):
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			r.fail(i, "a number")
		}
		return f
	case len(v) == 8 && r.fields[i].DataTypeOID == pgtype.Float8OID:
		return math.Float64frombits(binary.BigEndian.Uint64(v))
	}
	r.fail(i, "a number")
	return 0
}

// text is the same in both formats, for the types that are texts.
func (r *postgresRow) text(i int) string {
	switch r.fields[i].DataTypeOID {
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.NameOID:
	default:
		r.fail(i, "a text")
	}
	return string(r.values[i])
}

func (r *postgresRow) null(i int) bool { return r.values[i] == nil }

func (r *postgresRow) bytes(i int) []byte {
	v := r.values[i]
	if v == nil {
		return nil
	}
	if r.fields[i].DataTypeOID != pgtype.ByteaOID {
		r.fail(i, "bytes")
		return nil
	}
	if !r.isText(i) {
		return append([]byte{}, v...)
	}
	b, ok := byteaOf(string(v))
	if !ok {
		r.fail(i, "bytes")
	}
	return b
}

// read fills to, which is as long as what is stored; a missing value leaves it as it is.
func (r *postgresRow) read(i int, to []byte) {
	v := r.values[i]
	if v != nil && (r.isText(i) || r.fields[i].DataTypeOID != pgtype.ByteaOID) {
		v = r.bytes(i)
	}
	if v != nil && len(v) != len(to) {
		r.fail(i, fmt.Sprintf("%d bytes", len(to)))
	}
	copy(to, v)
}

// byteaOf reads the text form of bytes, of either bytea_output.
func byteaOf(text string) ([]byte, bool) {
	if digits, is := strings.CutPrefix(text, `\x`); is {
		b, err := hex.DecodeString(digits)
		return b, err == nil
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\':
			b = append(b, text[i])
		case strings.HasPrefix(text[i:], `\\`):
			b = append(b, '\\')
			i++
		case i+4 <= len(text):
			n, err := strconv.ParseUint(text[i+1:i+4], 8, 8)
			if err != nil {
				return nil, false
			}
			b = append(b, byte(n))
			i += 3
		default:
			return nil, false
		}
	}
	return b, true
}

package aws

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// m is an answer's structure, l a list of them; both are written as JSON or as XML.
type (
	m = map[string]any
	l = []any
)

// apiError is an error as AWS answers it.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func fault(code, format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, code: code, message: fmt.Sprintf(format, args...)}
}

// epoch is a time as JSON services write it: seconds since 1970 with a fraction; nil when there is none.
func epoch(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64))
}

// prune drops nil members, which AWS leaves out, in place: an answer is made for its one reader.
func prune(v any) {
	switch v := v.(type) {
	case m:
		for k, e := range v {
			if e == nil {
				delete(v, k)
			} else {
				prune(e)
			}
		}
	case l:
		for _, e := range v {
			prune(e)
		}
	}
}

func tagList(tags []Tag) l {
	out := l{}
	for _, t := range tags {
		out = append(out, m{"key": t.Key, "value": t.Value})
	}
	return out
}

// protocol is how one service reads requests and writes answers.
type protocol int

const (
	awsJSON  protocol = iota // x-amz-json-1.1: ECS
	awsQuery                 // form in, XML in a result wrapper out: Auto Scaling, ELBv2, STS
	ec2Query                 // form in, XML out: EC2
)

// namespaces are the XML namespaces of the query services; read only.
var namespaces = map[string]string{
	"ec2":                  "http://ec2.amazonaws.com/doc/2016-11-15/",
	"autoscaling":          "http://autoscaling.amazonaws.com/doc/2011-01-01/",
	"elasticloadbalancing": "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
	classicAPI:             "http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/",
	"sts":                  "https://sts.amazonaws.com/doc/2011-06-15/",
}

// answer renders the result of a call.
func answer(p protocol, service, action, requestID string, out m) (contentType string, body []byte, err error) {
	if p == awsJSON {
		prune(out)
		body, err = json.Marshal(out)
		return "application/x-amz-json-1.1", body, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<%sResponse xmlns=%q>", action, namespaces[service])
	if p == ec2Query {
		writeXML(&b, "requestId", requestID, "item")
		writeMembers(&b, out, "item")
	} else {
		writeXML(&b, action+"Result", out, "member")
		writeXML(&b, "ResponseMetadata", m{"RequestId": requestID}, "member")
	}
	fmt.Fprintf(&b, "</%sResponse>", action)
	return "text/xml;charset=UTF-8", b.Bytes(), nil
}

// refusal renders an error.
func refusal(p protocol, service, requestID string, e *apiError) (contentType string, body []byte, err error) {
	var b bytes.Buffer
	switch p {
	case awsJSON:
		body, err = json.Marshal(m{"__type": e.code, "message": e.message})
		return "application/x-amz-json-1.1", body, err
	case ec2Query:
		b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
		writeXML(&b, "Response", m{"Errors": m{"Error": m{"Code": e.code, "Message": e.message}}, "RequestID": requestID}, "item")
	default:
		sender := "Sender"
		if e.status >= 500 {
			sender = "Receiver"
		}
		fmt.Fprintf(&b, "<ErrorResponse xmlns=%q>", namespaces[service])
		writeXML(&b, "Error", m{"Type": sender, "Code": e.code, "Message": e.message}, "member")
		writeXML(&b, "RequestId", requestID, "member")
		b.WriteString("</ErrorResponse>")
	}
	return "text/xml;charset=UTF-8", b.Bytes(), nil
}

func writeMembers(b *bytes.Buffer, v m, item string) {
	for _, k := range slices.Sorted(maps.Keys(v)) {
		writeXML(b, k, v[k], item)
	}
}

// writeXML writes one element. Writing to a bytes.Buffer cannot fail, so neither can this.
func writeXML(b *bytes.Buffer, name string, v any, item string) {
	if v == nil {
		return
	}
	b.WriteString("<" + name + ">")
	switch v := v.(type) {
	case m:
		writeMembers(b, v, item)
	case l:
		for _, e := range v {
			writeXML(b, item, e, item)
		}
	case time.Time:
		b.WriteString(v.UTC().Format("2006-01-02T15:04:05.000Z"))
	default:
		_ = xml.EscapeText(b, []byte(fmt.Sprint(v)))
	}
	b.WriteString("</" + name + ">")
}

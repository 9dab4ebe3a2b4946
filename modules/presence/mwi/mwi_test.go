package mwi

import "testing"

func TestSummary(t *testing.T) {
	for _, x := range []struct{ name, text, want string }{
		{"yes", "Messages-Waiting: yes\r\n", "Messages-Waiting: yes\r\n"},
		{"RFC 3842 §5.2", "Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-Message: 4/8 (1/2)\r\n",
			"Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-message: 4/8 (1/2)\r\n"},
		{"in any case, LF alone", "messages-waiting: NO\nFAX-MESSAGE: 0/1\n", "Messages-Waiting: no\r\nFax-message: 0/1\r\n"},
		{"headers of messages", "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n\r\nTo: <alice@example.com>\r\nVoice-Message: 9/9\r\n", "Messages-Waiting: yes\r\nVoice-message: 1/0\r\n"},
		{"what is not known", "Messages-Waiting: yes\r\nX: y\r\nnothing\r\n", "Messages-Waiting: yes\r\n"},
		{"nothing", "", ""},
		{"neither", "Messages-Waiting: perhaps\r\n", ""},
		{"no number", "Messages-Waiting: yes\r\nVoice-Message: some\r\n", ""},
		{"a negative number", "Messages-Waiting: yes\r\nVoice-Message: -1/0\r\n", ""},
		{"an account that breaks out", "Messages-Waiting: yes\r\nMessage-Account: <x>\r\n", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			s, err := Parse([]byte(x.text))
			if (err != nil) != (x.want == "") {
				t.Fatal(err)
			}
			if err == nil && string(s.Append(nil)) != x.want {
				t.Errorf("got %q", s.Append(nil))
			}
		})
	}
}

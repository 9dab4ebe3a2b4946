package rtpengine

// This file is the orders to a daemon in mid-call.

import (
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
)

// partyOptions say whose media an order is about.
type partyOptions struct {
	From  string `lua:"from" doc:"the tag of one party; without it and label the call's parties are all meant"`
	Label string `lua:"label" doc:"of one side, as manage was given it"`
}

// playOptions are those of play: one of file, url and blob.
type playOptions struct {
	partyOptions
	File    string `lua:"file" doc:"a path on the daemon's machine"`
	Blob    string `lua:"blob" doc:"the bytes of a sound file"`
	DB      int    `lua:"db" doc:"the ID of a sound in the daemon's database"`
	Repeat  int    `lua:"repeat" min:"1" max:"1000" doc:"how often"`
	Seconds int    `lua:"seconds" min:"1" max:"3600" doc:"at most"`
}

// digitOptions are those of send_dtmf.
type digitOptions struct {
	partyOptions
	Digit  string `lua:"digit,required" doc:"0 to 9, *, #, A to D"`
	Millis int    `lua:"ms" min:"100" max:"5000" default:"100" doc:"how long"`
	Volume int    `lua:"volume" min:"-63" max:"0" default:"-8" doc:"in dBm0"`
}

func (o *partyOptions) put(d ng.Dict) {
	switch {
	case o.From != "":
		d["from-tag"] = o.From
	case o.Label != "":
		d["label"] = o.Label
	default:
		d["all"] = "all"
	}
}

// commands are the orders that need no more than a call and a party.
func (m *module) commands() []luabind.Function {
	order := func(name, command, doc string) luabind.Function {
		return luabind.Try2(luabind.Function{Name: name, Where: luabind.InHandler, Waits: true, Doc: doc, Example: "rtpengine." + name + "(req)"},
			m.callArg(), luabind.OptionsArg(partyOptions{}), luabind.ReturnsBool("true"),
			func(c *luabind.Call, callID string, o partyOptions) (bool, error) {
				d := ng.Dict{"command": command}
				o.put(d)
				_, err := m.ask(c, callID, d)
				return err == nil, err
			})
	}
	return []luabind.Function{
		luabind.Try2(luabind.Function{Name: "play", Where: luabind.InHandler, Waits: true, Doc: "Plays a sound to a party. Returns when it has begun.",
			Raises: "without a sound", Example: `rtpengine.play(req, { file = "/usr/share/sounds/busy.wav" })`},
			m.callArg(), luabind.RequiredOptionsArg("options", playOptions{}), luabind.ReturnsValue(luabind.Number, "seconds that it takes; 0 where the daemon does not say"), m.play),
		order("stop", "stop media", "Ends what play has begun."),
		order("block_dtmf", "block DTMF", "Keeps the digits of a party from the other."),
		order("unblock_dtmf", "unblock DTMF", "Ends block_dtmf."),
		order("block_media", "block media", "Keeps the media of a party from the other."),
		order("unblock_media", "unblock media", "Ends block_media."),
		order("start_recording", "start recording", "Records the call from now on, as the daemon is set up."),
		order("pause_recording", "pause recording", "Interrupts the recording."),
		order("stop_recording", "stop recording", "Ends the recording."),
		luabind.Try2(luabind.Function{Name: "send_dtmf", Where: luabind.InHandler, Waits: true, Doc: "Sends a digit in the media of a party.",
			Example: `rtpengine.send_dtmf(req, { digit = "1" })`},
			m.callArg(), luabind.RequiredOptionsArg("options", digitOptions{}), luabind.ReturnsBool("true"),
			func(c *luabind.Call, callID string, o digitOptions) (bool, error) {
				d := ng.Dict{"command": "play DTMF", "code": o.Digit, "duration": o.Millis, "volume": o.Volume}
				o.put(d)
				_, err := m.ask(c, callID, d)
				return err == nil, err
			}),
	}
}

func (m *module) play(c *luabind.Call, callID string, o playOptions) (any, error) {
	d := ng.Dict{"command": "play media"}
	o.put(d)
	switch {
	case o.File != "":
		d["file"] = o.File
	case o.Blob != "":
		d["blob"] = o.Blob
	case o.DB != 0:
		d["db-id"] = o.DB
	default:
		c.Raise("takes a sound: file, blob or db")
	}
	if o.Repeat > 0 {
		d["repeat-times"] = o.Repeat
	}
	if o.Seconds > 0 {
		d["repeat-duration"] = o.Seconds * 1000
	}
	answer, err := m.ask(c, callID, d)
	if err != nil {
		return nil, err
	}
	ms, _ := answer["duration"].(int)
	return float64(ms) / 1000, nil
}

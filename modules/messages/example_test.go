package messages_test

import (
	"context"
	"fmt"
	"time"

	"github.com/sipscript/sipscript/modules/messages"
)

// A program keeps a message for a user by itself.
func Example() {
	store := messages.NewMemory(0)
	now := time.Now()
	err := store.Put(context.Background(), &messages.Message{AOR: "sip:bob@example.com", From: "<sip:desk@example.com>", To: "<sip:bob@example.com>", CallID: "note1", CSeq: 1,
		ContentType: "text/plain", Body: []byte("Your parcel is here."), Arrived: now, Expires: now.Add(24 * time.Hour)}, 100)
	if err != nil {
		fmt.Println(err)
		return
	}
	kept := messages.New(messages.Options{Store: store}) // give it to luabind.Options.Modules
	list, _ := store.Pending(context.Background(), "sip:bob@example.com", 10)
	fmt.Println(kept.Name(), len(list), string(list[0].Body))
	// Output: messages 1 Your parcel is here.
}

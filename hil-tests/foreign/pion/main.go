// A receiver of the visitor's picture over pion, another implementation of WebRTC than the station's.
//
// It reads an offer, {"offer":"…"}, from standard input and writes its answer, {"answer":"…"}, to standard output; then, twice
// a second, what has come by then. With the argument 'rsa' its certificate is one of RSA.
package main

import (
	"bufio"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"
)

// The payload types that the station offers for H.264 and for what is sent again (RFC 4588).
const (
	h264 = 102
	rtx  = 103
)

// Counts is what came since the first packet of the picture.
type Counts struct {
	// Packets with a sequence number that was not there before.
	Packets int `json:"packets"`
	// Sequence numbers before the latest one that have not come.
	Missing int `json:"missing"`
	// Packets of a sequence number that was there already.
	Again int `json:"again"`
	// Whole pictures, by the marks at their ends: each mark counts, as a program does that takes what is sent again for new.
	Pictures int `json:"pictures"`
	// Packets with nothing in them, by which a sender finds out what the way carries.
	Padding int `json:"padding"`
	// Whether the data channel is open.
	Channel bool `json:"channel"`
}

type counter struct {
	sync.Mutex
	counts  Counts
	started bool
	highest uint16
	seen    [1 << 16]bool
}

func (c *counter) see(packet *rtp.Packet) {
	c.Lock()
	defer c.Unlock()
	sequence, payload := packet.SequenceNumber, packet.Payload
	switch {
	case len(payload) == 0:
		c.counts.Padding++
		return
	case packet.PayloadType == h264:
	case packet.PayloadType == rtx && len(payload) > 2:
		sequence = binary.BigEndian.Uint16(payload)
	default:
		return
	}
	if !c.started {
		c.started, c.highest = true, sequence-1
	}
	if packet.Marker {
		c.counts.Pictures++
	}
	if c.seen[sequence] {
		c.counts.Again++
		return
	}
	c.seen[sequence] = true
	c.counts.Packets++
	for ; int16(sequence-c.highest) > 0; c.highest++ {
		// What is half a round of numbers behind is forgotten: the same numbers come anew.
		c.seen[c.highest+1<<15] = false
		c.counts.Missing++
	}
	c.counts.Missing--
}

type tap struct {
	interceptor.NoOp
	counter *counter
}

func (t *tap) NewInterceptor(string) (interceptor.Interceptor, error) {
	return t, nil
}

func (t *tap) BindRemoteStream(_ *interceptor.StreamInfo, reader interceptor.RTPReader) interceptor.RTPReader {
	return interceptor.RTPReaderFunc(func(buffer []byte, with interceptor.Attributes) (int, interceptor.Attributes, error) {
		length, with, err := reader.Read(buffer, with)
		packet := &rtp.Packet{}
		if err == nil && packet.Unmarshal(buffer[:length]) == nil {
			t.counter.see(packet)
		}
		return length, with, err
	})
}

func connection(counter *counter) (*webrtc.PeerConnection, error) {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(engine, registry); err != nil {
		return nil, err
	}
	registry.Add(&tap{counter: counter})
	loggers := logging.NewDefaultLoggerFactory()
	loggers.Writer = os.Stderr
	settings := webrtc.SettingEngine{LoggerFactory: loggers}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	configuration := webrtc.Configuration{}
	if len(os.Args) > 1 && os.Args[1] == "rsa" {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		certificate, err := webrtc.GenerateCertificate(key)
		if err != nil {
			return nil, err
		}
		configuration.Certificates = []webrtc.Certificate{*certificate}
	}
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings),
	).NewPeerConnection(configuration)
}

func answer(peer *webrtc.PeerConnection, offer string) (string, error) {
	description := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}
	if err := peer.SetRemoteDescription(description); err != nil {
		return "", err
	}
	answer, err := peer.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(peer)
	if err := peer.SetLocalDescription(answer); err != nil {
		return "", err
	}
	<-gathered
	return peer.LocalDescription().SDP, nil
}

func run() error {
	line, err := bufio.NewReader(os.Stdin).ReadBytes('\n')
	if err != nil {
		return err
	}
	var asked struct {
		Offer string `json:"offer"`
	}
	if err := json.Unmarshal(line, &asked); err != nil {
		return err
	}
	counter := &counter{}
	peer, err := connection(counter)
	if err != nil {
		return err
	}
	peer.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
		}
	})
	peer.OnDataChannel(func(channel *webrtc.DataChannel) {
		channel.OnOpen(func() {
			counter.Lock()
			defer counter.Unlock()
			counter.counts.Channel = true
		})
	})
	sdp, err := answer(peer, asked.Offer)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(map[string]string{"answer": sdp}); err != nil {
		return err
	}
	for {
		time.Sleep(500 * time.Millisecond)
		counter.Lock()
		counts := counter.counts
		counter.Unlock()
		if err := out.Encode(counts); err != nil {
			return err
		}
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

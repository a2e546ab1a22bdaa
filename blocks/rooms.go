package blocks

import (
	"ecsbot/ecsops"
	"ecsbot/words"
)

// drawRooms is a row for each service whose copies fit elsewhere, and one word for each of
// the others: their findings say the rest.
func drawRooms(s *sheet, p ecsops.Plan, d depth, rest mrkdwn) {
	all := p.Rooms()
	if len(all) == 0 {
		return
	}
	rows := bullets(len(all), d, func(i int) mrkdwn {
		r := all[i]
		row := words.Room(r)
		if r.Verdict != ecsops.RoomFits {
			row = words.Quote(r.Service) + ": " + words.RoomVerdict(r.Verdict)
		}
		return mrkdwn(words.Symbol(words.RoomSeverity(r.Verdict))) + " " + sayN(row, d.line)
	}, rest)
	s.section("room", append([]mrkdwn{"*Room for the copies*"}, rows...)...)
}

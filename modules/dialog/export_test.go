package dialog

// TrackLegWith is TrackLeg, with what calls functions that wait.
var TrackLegWith = (*Dialogs).trackLeg

//! The end of a turn: what it has left to be done, and its sums.

use tributary_proto::session::Sent;

use super::world::World;

impl World {
    /// What a turn leaves to be done before its answers go out.
    pub(super) fn finish_turn(&mut self) {
        self.publish_wills();
        self.continue_searches();
        self.hand_off();
        self.settle_later();
        self.submit_changes();
        self.ring_bells();
        self.count_messages();
    }

    /// Brings into the books what sessions have sent and lost.
    fn count_messages(&mut self) {
        let (sent, losses) = (self.commons.sent.take(), self.commons.losses.take());
        let book = self.book();
        if sent != Sent::default() {
            let first = sent.first.into_iter().enumerate();
            first.for_each(|(qos, count)| book.deliveries.add(qos, count));
            book.retransmissions.add(sent.again);
            book.payload_bytes_out.add(sent.payload_bytes);
        }
        let lost = losses.into_iter().enumerate();
        lost.filter(|(_, count)| *count > 0)
            .for_each(|(loss, count)| book.deliveries_dropped.add(loss, count));
    }
}

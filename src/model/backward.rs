//! The explicit reverse pass: gradients of the adapter only, and only as far down as it reaches.

use crate::lora::{Adapter, Pair, Stored};
use crate::model::cost::cost_of;
use crate::model::decoder::{Decoder, Lora};
use crate::model::forward::{Pass, Saved};
use crate::model::memory::kept_layers;
use crate::model::packed::Packed;
use crate::model::{Dropout, Grads, LossSums, ModelError, Sequence};
use crate::ops::{Attended, InputGrad, LinearGrad, LowRankGrad, Ops, QkvGrad};
use crate::weights::{Activation, LinearId, Norm, Site};

/// How the backward of a pass is computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backward {
    /// Factor of the summed loss.
    pub weight: f32,
    /// The lowest layer that the adapter reaches.
    pub lowest: usize,
    /// The number of last layers whose inner values are kept.
    pub keep: usize,
}

/// A block of a pass, whose backward is computed.
struct Block<'a, O: Ops> {
    layer: usize,
    input: &'a O::Buf,
    saved: &'a Saved<O>,
    pass: Pass<'a>,
    /// Whether the gradient of its input is asked for.
    further: bool,
}

impl<O: Ops> Decoder<O> {
    pub(super) fn loss_and_grads(
        &self,
        adapter: &Adapter<Stored>,
        sequences: &[Sequence<'_>],
        weight: f32,
        dropout: Option<Dropout>,
        grads: &mut Grads,
    ) -> Result<LossSums, ModelError> {
        self.check_adapter(Some(adapter))?;
        for (id, pair) in &adapter.pairs {
            let grad =
                grads.entry(*id).or_insert_with(|| Pair { a: vec![0.0; pair.a.len()], b: vec![0.0; pair.b.len()] });
            if grad.a.len() != pair.a.len() || grad.b.len() != pair.b.len() {
                let what = format!("the gradient of layer {} {}", id.layer, id.site.module());
                return Err(ModelError::Shape { what, found: grad.a.len(), expected: pair.a.len() });
            }
        }
        let ranks = adapter.ranks();
        let Some(lowest) = ranks.keys().next().map(|id| id.layer) else { return self.loss(None, sequences) };
        let lora = Lora { adapter: Some(adapter), dropout, compute: self.training() };
        let mut sums = LossSums::default();
        for packed in self.passes(sequences, dropout.is_none(), true)? {
            let keep = kept_layers(self.budget(), &cost_of(self.spec(), &ranks, &packed, true))?;
            sums.add(&self.reverse(lora, &packed, Backward { weight, lowest, keep }, grads)?);
        }
        self.sound()?;
        Ok(sums)
    }

    /// All sequences as one pass, for the sake of what they share; as two halves, and these likewise, where with `back` the
    /// layers' inputs would take more than half of what the base takes in f32, and where without, for what is only looked at,
    /// there are more rows than are worth it and the halves have little in common: which follows from model and data alone,
    /// and so do the bits. Masks of dropout belong to one pass.
    pub(super) fn passes(
        &self,
        sequences: &[Sequence<'_>],
        share: bool,
        back: bool,
    ) -> Result<Vec<Packed>, ModelError> {
        /// Passes of more are no faster (SmolLM2, 7700 tokens: 6.5–7.2 s so, 6.4–7.6 by the step's cut) and hold more.
        const LOOKED_AT: usize = 1024;
        let packed = self.packer().pack(sequences, share)?;
        let kept = self.weights().parameters() as usize / 2 / (self.layer_count() * self.spec().hidden);
        let rows = packed.ids.len();
        if share && sequences.len() > 1 && (rows > kept || (!back && rows > LOOKED_AT)) {
            let (one, other) = sequences.split_at(sequences.len() / 2);
            let mut passes = self.passes(one, share, back)?;
            passes.extend(self.passes(other, share, back)?);
            let again = passes.iter().map(|p| p.ids.len()).sum::<usize>().saturating_sub(rows);
            if rows > kept || again <= rows / 4 {
                return Ok(passes);
            }
        }
        Ok(if packed.is_empty() { Vec::new() } else { vec![packed] })
    }

    pub(super) fn reverse(
        &self,
        lora: Lora<'_>,
        packed: &Packed,
        backward: Backward,
        grads: &mut Grads,
    ) -> Result<LossSums, ModelError> {
        let Backward { weight, lowest, keep } = backward;
        let pass = Pass::of(packed, lora);
        let (x, mut kept) = self.stack_kept(&packed.ids, pass, lowest, keep)?;
        let (sums, mut dx) = self.head_back(&x, packed, weight)?;
        drop(x);
        for layer in (lowest..self.layer_count()).rev() {
            self.still_wanted()?;
            if let Some(k) = kept.pop() {
                let (input, saved) = self.restored(layer, k, pass);
                let block = Block { layer, input: &input, saved: &saved, pass, further: layer > lowest };
                dx = self.block_back(&block, dx, grads);
            }
        }
        Ok(sums)
    }

    /// The gradient of a block's input from that of its output.
    fn block_back(&self, block: &Block<'_, O>, mut dx: O::Buf, grads: &mut Grads) -> O::Buf {
        let middle = self.mlp_back(block, &dx, grads);
        self.ops().add(&mut dx, &middle);
        drop(middle);
        let below = self.attention_back(block, &dx, grads);
        let Some(mut below) = below else { return dx };
        match self.read_at(block.layer, block.pass) {
            Some(read) => self.ops().scatter_add(&mut below, &dx, &read.rows, self.spec().hidden),
            None => self.ops().add(&mut below, &dx),
        }
        below
    }

    /// Through norm, gate, up and down: the gradient of the block's middle.
    fn mlp_back(&self, block: &Block<'_, O>, dx: &O::Buf, grads: &mut Grads) -> O::Buf {
        let (ops, s) = (self.ops(), block.saved);
        let h = self.gated(block.layer, &s.gate, &s.up);
        let mut dh = ops.buf(ops.len(&h));
        self.linears_back(block, Some(&mut dh), &h, [(Site::Down, dx)], grads);
        let mut dup = h;
        let mut dgate = ops.buf(ops.len(&dh));
        match self.spec().blocks[block.layer].feed_forward.activation {
            Activation::Silu => ops.swiglu_back(&mut dgate, &mut dup, &dh, &s.gate, &s.up),
        }
        drop(dh);
        let w = self.norm_weight(block.layer, Norm::Ffn);
        let n = self.norm(&s.middle, w);
        let mut dn = ops.buf(ops.len(&n));
        self.linears_back(block, Some(&mut dn), &n, [(Site::Gate, &dgate), (Site::Up, &dup)], grads);
        let mut dmiddle = n;
        ops.rms_norm_back(&mut dmiddle, &dn, &s.middle, w, self.spec().norm_eps, true);
        dmiddle
    }

    /// Through norm, q, k, v, attention and o: the gradient of the block's input (without the residual's).
    fn attention_back(&self, block: &Block<'_, O>, dx: &O::Buf, grads: &mut Grads) -> Option<O::Buf> {
        let Block { layer, input, saved: s, pass, further } = *block;
        let ops = self.ops();
        let asked = |site| self.low_rank(pass.lora, LinearId { layer, site }).is_some();
        let below = further || [Site::Q, Site::K, Site::V].into_iter().any(asked);
        let mut datt = ops.buf(ops.len(&s.attended));
        self.linears_back(block, below.then_some(&mut datt), &s.attended, [(Site::O, dx)], grads);
        if !below {
            return None;
        }
        let (mut dq, mut dk, mut dv) = (ops.buf(ops.len(&s.q)), ops.buf(ops.len(&s.k)), ops.buf(ops.len(&s.v)));
        let saved = Attended { q: &s.q, k: &s.k, v: &s.v, out: &s.attended, lse: &s.lse };
        let read = self.read_at(layer, pass);
        let (rotation, segments) = read.map_or((pass.rotation, pass.segments), |r| (&r.rotation, &r.segments));
        let grad = QkvGrad { dq: &mut dq, dk: &mut dk, dv: &mut dv };
        ops.attention_back(grad, &datt, saved, self.heads(layer), segments);
        ops.rope(&mut dq, rotation, true);
        ops.rope(&mut dk, pass.rotation, true);
        let eps = self.spec().norm_eps;
        for (norm, d, raw) in [(Norm::Q, &mut dq, &s.raw_q), (Norm::K, &mut dk, &s.raw_k)] {
            if let (Some(raw), Some(w)) = (raw, self.optional_norm(layer, norm)) {
                let mut through = ops.buf(ops.len(d));
                ops.rms_norm_back(&mut through, d, raw, w, eps, true);
                *d = through;
            }
        }
        let w = self.norm_weight(layer, Norm::Attn);
        let n = self.norm(input, w);
        let mut dn = ops.buf(ops.len(&n));
        let to = further.then_some(&mut dn);
        match self.picked(&n, read) {
            None => self.linears_back(block, to, &n, [(Site::Q, &dq), (Site::K, &dk), (Site::V, &dv)], grads),
            Some(picked) => {
                self.linears_back(block, to, &n, [(Site::K, &dk), (Site::V, &dv)], grads);
                let mut part = ops.buf(ops.len(&picked));
                self.linears_back(block, further.then_some(&mut part), &picked, [(Site::Q, &dq)], grads);
                if let Some(read) = read.filter(|_| further) {
                    ops.scatter_add(&mut dn, &part, &read.rows, self.spec().hidden);
                }
            }
        }
        if !further {
            return None;
        }
        let mut below = n;
        ops.rms_norm_back(&mut below, &dn, input, w, eps, true);
        Some(below)
    }

    /// Adds the gradients of A and B of linears that read `x`; sets the input's where it is asked for.
    fn linears_back<const N: usize>(
        &self,
        block: &Block<'_, O>,
        dx: Option<&mut O::Buf>,
        x: &O::Buf,
        dys: [(Site, &O::Buf); N],
        grads: &mut Grads,
    ) {
        let Block { layer, saved, pass, .. } = *block;
        let linears = dys.map(|(site, _)| self.one(layer, site, pass.lora));
        let mut pairs: Vec<(LinearId, &mut Pair)> = grads
            .range_mut(LinearId { layer, site: Site::ALL[0] }..)
            .take_while(|(id, _)| id.layer == layer)
            .map(|(id, pair)| (*id, pair))
            .collect();
        let backs = dys
            .into_iter()
            .map(|(site, dy)| {
                let mine = pairs.iter().position(|(id, _)| id.site == site).map(|i| pairs.swap_remove(i).1);
                let grad = mine.map(|p| LowRankGrad { a: &mut p.a, b: &mut p.b });
                LinearGrad { dy, down: saved.down.get(&site), grad }
            })
            .collect();
        self.ops().linears_back(dx.map(|to| InputGrad { to, set: true }), x, &linears, backs);
    }
}

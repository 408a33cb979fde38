"""Turn either dancer's movement into something more like the other's.

An LSTM variational autoencoder with one encoder for both dancers and a decoder for each: what one dancer moves is
encoded, and decoded as the other would move. The README explains every constant and result. Edit the constants below
and start

    python vae_rnn_deepfake.py  or, for one run:   python vae_rnn_deepfake.py --epochs=20
"""

from pathlib import Path

from common import dataset, evaluation, model, report, results, runtime, training

import torch

# ---------------------------------------------------------------------------------------------------------------------
# mocap
mocap_file_path = "data/mocap"
mocap_files = [["duet_dancer1.fbx", "duet_dancer2.fbx"]]  # pairs: dancer 1, dancer 2; or as .bvh
mocap_valid_frame_ranges = [[[0, -1]]]  # per pair: [start, end), -1 means to the last frame
# the published recording, once its files are in data/mocap:
# mocap_files = [["Jason_Take4.fbx", "Sherise_Take4.fbx"]]
# mocap_valid_frame_ranges = [[[490, 30679]]]
mocap_pos_scale = 1.0  # to centimetres, or [dancer 1, dancer 2]; the unit that FBX files state is applied before
mocap_fps = None  # None: the files' own
mocap_resample_fps = None  # or a rate to which every take is brought: for files of different rates, or very high ones
mocap_frame_offsets = None  # None: the files' own; or per pair, frames by which dancer 2's file starts after dancer 1's
mocap_up_axis = None  # None: found at load; or "X", "Y", "Z", with a minus where it points down
mocap_take = None  # None: the take with motion in it; or its name, for FBX files with several
fbx_backend = "builtin"  # or "sdk", Autodesk's bindings
mocap_loss_weights_file = None  # JSON with a weight per joint, see data/configs

# model
latent_dim = 32
sequence_length = 64  # frames
ae_rnn_layer_count = 2
ae_rnn_layer_size = 256
ae_rnn_bidirectional = True
ae_dense_layer_sizes = [512]
save_weights = True
load_weights = False
encoder_weights_file = "results/weights/encoder_weights_best"
decoder1_weights_file = "results/weights/decoder1_weights_best"
decoder2_weights_file = "results/weights/decoder2_weights_best"

# training
sequence_offset = 2  # frames from one window to the next
batch_size = 16
test_percentage = 0.2  # the end of every frame range is held out
initial_weights = "regression"  # a warm start: weights set by regression before the first step; or "noise"
schedule = "inverse"  # the learning rate falls as 1 / (1 + epoch / 10); or "step", × 0.316 every 100 epochs
layerwise_rates = True  # every parameter tensor has a learning rate of its own, relative to ae_learning_rate
ae_learning_rate = 1e-4
augment_heading = True  # half of the windows are turned, both dancers by the same angle
augment_mirror = False  # half of the windows are mirrored, left and right swapped
ae_norm_loss_scale = 0.1
ae_pos_loss_scale = 0.1  # per centimetre
ae_quat_loss_scale = 1.0  # per radian, of half the angle
ae_kld_loss_scale = 0.0  # not used: the cycle below sets the weight of the KL
kld_scale_cycle_duration = 100  # epochs
kld_scale_min_const_duration = 20
kld_scale_max_const_duration = 20
min_kld_scale = 0.0
max_kld_scale = 0.1
epochs = 600  # 0 with load_weights = True only exports
keep_best = True  # the weights with the smallest held-out error are kept, and what follows is made with them
stop_after = 20  # epochs without a smaller held-out error end the training; None: never
model_save_interval = 50  # epochs
checkpoint_minutes = 10  # at the latest, everything that is needed to go on is saved again
resume = False  # True: go on with the run in results_path where it stopped
save_history = True
random_seed = 0
device = "auto"  # or "cuda", "mps", "cpu"
precision = "float32"  # or "bfloat16", on devices that gain from it

# export
results_path = "results"
apply_files = []  # new recordings and who danced them, converted at the end, as [["solo.bvh", 1]]
export_onnx = False  # True: the models as ONNX too, in results/realtime; needs the package onnx
export_formats = None  # None: the recording's own; or ["fbx", "bvh"]
export_root_motion = True  # motion files go along the recorded path; False: they stay in place
export_hold_feet = True  # generated motion leaves that path as far as standing feet would slide on it
export_seq_index = 0  # which pair
export_seq_start = 1000  # frames
export_seq_length = 1000
export_sample_latent = False  # draw latent codes instead of taking their means

# view
view_ele = 90.0  # degrees; 90 looks straight ahead, more looks down from above
view_azi = -90.0  # degrees; -90 looks at the front
view_line_width = 1.0
view_size = 4.0  # inches, at 100 pixels each
report_model = True  # the trained model plays in the report, which grows by about 9 MB for each decoder
show_history = True  # in a window at the end, where there is a display
open_report = True  # in the browser at the end, where there is a display
# ---------------------------------------------------------------------------------------------------------------------


def make_models(pose_dims):
    """The encoder of both dancers' poses and a decoder for each dancer."""
    rnn = (ae_rnn_layer_count, ae_rnn_layer_size, ae_rnn_bidirectional, ae_dense_layer_sizes)
    return {
        "encoder": model.Encoder(pose_dims[0], latent_dim, *rnn),
        "decoder1": model.Decoder(pose_dims[0], latent_dim, sequence_length, *rnn),
        "decoder2": model.Decoder(pose_dims[1], latent_dim, sequence_length, *rnn),
    }


def conversions(nets):
    """What the trained models turn into what: each dancer's movement into their own again, and into the other's."""
    decoders = nets["decoder1"], nets["decoder2"]
    return [
        model.generate.Conversion(a, b, nets["encoder"], decoders[b], path_of=a, lock_feet=export_hold_feet)
        for a, b in ((0, 0), (1, 1), (0, 1), (1, 0))
    ]


def compute_losses(nets, dancer1, dancer2, noise, kld_scale, joint_weights):
    """Losses of a batch, added up over both dancers: a dict, "total" first. Windows are (B, T, D); noise (B, 2, Z), or
    None to decode the mean."""
    mu, std = model.latent(*nets["encoder"](torch.cat((dancer1.poses, dancer2.poses))))  # (2·B, Z): as one batch
    noise = None if noise is None else noise.transpose(0, 1).flatten(0, 1)  # (2·B, Z)
    z1, z2 = model.sample(mu, std, noise).chunk(2)  # (B, Z)
    losses1 = model.losses.pose_losses(nets["decoder1"](z1), dancer1, joint_weights)
    losses2 = model.losses.pose_losses(nets["decoder2"](z2), dancer2, joint_weights)
    parts = {name: losses1[name] + losses2[name] for name in losses1} | {"kld": 2 * model.losses.kld_loss(mu, std)}
    scales = {"norm": ae_norm_loss_scale, "pos": ae_pos_loss_scale, "quat": ae_quat_loss_scale, "kld": kld_scale}
    return {"total": sum(scales[name] * parts[name] for name in parts)} | parts


def train(nets, windows, joint_weights, evaluator, run, page):
    """The epochs that are still to do, with everything saved on the way."""
    optimiser = training.make_optimiser(nets, ae_learning_rate, schedule)
    loop = training.Loop(windows, batch_size, run.generator, run.stop)
    run.restore(optimiser, loop)  # nothing, unless resume = True
    if layerwise_rates and not resume:
        probes = (windows.draw(batch, 2, latent_dim) for batch in loop.probes())
        optimiser.find_rates(compute_losses(nets, *probe, 0.0, joint_weights) for probe in probes)
    parallel_nets = runtime.parallel.distribute(nets)
    number_format = runtime.devices.precision(precision, loop.device)

    @loop.step  # as a CUDA graph on CUDA, as it stands elsewhere
    def train_step(dancer1, dancer2, noise, kld_scale, share):
        with number_format:
            losses = compute_losses(parallel_nets, dancer1, dancer2, noise, kld_scale, joint_weights)
        training.check_finite(losses)
        optimiser.zero_grad()
        (losses["total"] * share).backward()  # share: 1, or this process's part of an uneven batch
        optimiser.step()
        return losses

    if run.best.epoch is None:  # the start itself counts
        run.best.offer(nets, 0, test(nets, windows, joint_weights, loop, 0.0)[1], 0.0)
    for epoch in loop.epochs(epochs):
        optimiser.set_epoch(epoch)
        kld_cycle = kld_scale_cycle_duration, kld_scale_min_const_duration, kld_scale_max_const_duration
        kld_scale = loop.scalar(model.losses.kld_scale(epoch, *kld_cycle, min_kld_scale, max_kld_scale))
        for batch in loop.batches():  # ends early on Ctrl-C; an epoch that was stopped goes on where it stood
            losses = train_step(*windows.draw(batch, 2, latent_dim), kld_scale, batch.share)
            loop.train_losses.add(losses, len(batch))
            if run.checkpoint_is_due(loop):
                run.save_checkpoint(nets, optimiser, loop)
        test_losses, validation_losses = test(nets, windows, joint_weights, loop, kld_scale)
        if loop.stopped:
            break
        run.history.add(loop.end_epoch(), test_losses, evaluator.errors(conversions(nets)))
        runtime.console.line(run.history.log_line(loop.seconds()))
        run.best.offer(nets, epoch + 1, validation_losses, kld_scale)
        if run.best.stops_paying(stop_after):
            break
        if run.save_is_due(epoch):
            save(nets, optimiser, loop, run, page)
    save(nets, optimiser, loop, run, page, last=True)


@torch.no_grad()
def test(nets, windows, joint_weights, loop, kld_scale):
    """Mean losses of the held-out part, and of its half that chooses the best weights."""
    means = training.HeldOutMeans(loop)
    for batch in loop.test_batches():
        means.add(compute_losses(nets, *windows.recorded(batch), None, kld_scale, joint_weights), batch)
    return means.means()


def save(nets, optimiser, loop, run, page, last=False):
    """What a run keeps up to date. A file that cannot be written is noted, and tried again at the next save."""
    run.save_checkpoint(nets, optimiser, loop, last)
    if runtime.parallel.rank() > 0:
        return  # process 0 writes for all
    if save_weights:
        with run.writing(last):
            results.save_weights(nets, run.folder / "weights", len(run.history), run.best.weights, loop.batch > 0)
    if save_history:
        with run.writing(last):
            run.history.save(run.folder / "histories", epochs)
    page.refresh(conversions(nets), loop, last)


def make_clips(nets, duet, solos, epoch):
    """The exported clips: recordings, and each dancer's movement decoded as both dancers."""
    clips, start, length = duet.recorded_clips(export_seq_index, export_seq_start, export_seq_length)
    motions, takes = [clip.motion for clip in clips], duet.pairs[export_seq_index]
    yield from clips
    for conversion in conversions(nets):
        a, b = conversion.source, conversion.target
        name = f"pred_sequence_dancer{a + 1}_to_dancer{b + 1}_epoch_{epoch}_seq_start_{start}_length_{length}"
        motion = model.generate.convert_clip(conversion, motions, takes, sequence_length, export_sample_latent)
        yield dataset.Clip(name, motion, "converted", a, b, epoch, clips[b].stretch)
    yield from model.apply_to_solos(conversions(nets), solos, duet, sequence_length, epoch)


def main():
    config = runtime.settings.configure(globals(), __file__, __doc__)
    here, where = Path(__file__).resolve().parent, runtime.devices.start(device)

    with runtime.console.stage("load"):
        folder, takes = here / mocap_file_path, [mocap_files, mocap_valid_frame_ranges, mocap_frame_offsets]
        reading = mocap_pos_scale, mocap_fps, mocap_up_axis, mocap_take, fbx_backend
        duet = dataset.load_duet(folder, *takes, test_percentage, *reading, mocap_resample_fps, shared_encoder=True)
        solos = dataset.load_solos(folder, apply_files, duet, [0, 1], sequence_length, *reading)
        joint_weights = dataset.load_joint_weights(mocap_loss_weights_file, here, duet.joint_names(1)).to(where)

    with runtime.console.stage("segment"):
        run = results.Run(here / results_path, config, __file__, duet)  # fixes all random state
        nets = make_models(duet.pose_dims)
        augmentation = augment_heading, augment_mirror
        windows = dataset.Windows(duet, [0, 1], sequence_length, sequence_offset, where, *augmentation)
        evaluator = evaluation.Evaluation(duet, sequence_length, keep_best)

    files = here / encoder_weights_file, here / decoder1_weights_file, here / decoder2_weights_file
    run.begin(nets, windows, training.warm_start.deepfake, *files)
    with run.opened(nets):
        page = report.RunReport(run, duet, evaluator, where)
        if epochs > 0:
            with runtime.console.stage(f"train on {runtime.devices.describe(where)}"), run.interruptible():
                train(nets, windows, joint_weights, evaluator, run, page)
        runtime.parallel.leave()  # from here on there is one process
        epoch = run.use_best(nets)
        run.save_realtime(nets, duet, export_onnx)
        if run.stop.clips:
            with runtime.console.stage("export"):
                run.export(make_clips(nets, duet, solos, epoch), export_formats, fbx_backend, export_root_motion)
            page.finish(conversions(nets), epoch)
        run.end()
    page.show(open_report, show_history)


if __name__ == "__main__":
    runtime.errors.run(main)

import assert from 'node:assert/strict';
import { FORMATS } from '../../../src/monitor/metrics/formats.ts';
import { MetricReader } from '../../../src/monitor/metrics/reader.ts';
import { TrainingMonitor } from '../../../src/monitor/monitor.ts';

interface Place {
  epoch?: number;
  epochs?: number;
  step?: number;
  steps?: number;
}

/** One line (or a table: the last line counts) of each framework, in the shape it prints. Values are this project's own. */
const LINES: readonly [from: string, text: string, metrics: Record<string, number>, place?: Place][] = [
  [
    'examples/moola',
    'Epoch 3/30 | train_loss 0.5123 | val_acc 0.8123 | grad_norm 1.23',
    { train_loss: 0.5123, val_acc: 0.8123, grad_norm: 1.23 },
    { epoch: 3, epochs: 30 },
  ],
  ['plain', 'Epoch [2/10], Step [100/600], Loss: 0.4512', { Loss: 0.4512 }, { epoch: 2, epochs: 10, step: 100, steps: 600 }],
  [
    'plain',
    'epoch 4: train loss = 0.41 val loss = 0.52 val acc = 81.2%',
    { 'train loss': 0.41, 'val loss': 0.52, 'val acc': 81.2 },
    { epoch: 4 },
  ],
  ['plain', 'Iteration 1200: loss=1.5e-03', { loss: 0.0015 }, { step: 1200 }],
  ['plain', '[5, 12000] loss: 1.271', { loss: 1.271 }, { epoch: 5, step: 12000 }],
  ['plain', 'Test Accuracy: 0.9312', { 'Test Accuracy': 0.9312 }],
  ['plain', 'mIoU: 71.23, aAcc: 93.10', { mIoU: 71.23, aAcc: 93.1 }],
  ['pytorch/examples mnist', 'Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.295', { Loss: 2.295 }, { epoch: 1, step: 640, steps: 60000 }],
  ['pytorch/examples mnist', 'Test set: Average loss: 0.0514, Accuracy: 9840/10000 (98%)', { 'Average loss': 0.0514, Accuracy: 98 }],
  [
    'pytorch/examples imagenet',
    'Epoch: [0][ 10/5005]\tTime  0.612 ( 1.201)\tData  0.012 ( 0.512)\tLoss 6.9011e+00 (7.0012e+00)\tAcc@1   0.39 (  0.14)\tAcc@5   1.17 (  0.71)',
    { Loss: 6.9011, 'Acc@1': 0.39, 'Acc@5': 1.17 },
    { epoch: 0, step: 10, steps: 5005 },
  ],
  ['pytorch/examples imagenet', ' * Acc@1 76.130 Acc@5 92.862', { 'Acc@1': 76.13, 'Acc@5': 92.862 }],
  [
    'pytorch/examples word_language_model',
    '| epoch   1 |   200/ 2983 batches | lr 20.00 | ms/batch 15.21 | loss  7.63 | ppl  2050.12',
    { lr: 20, loss: 7.63, ppl: 2050.12 },
    { epoch: 1 },
  ],
  [
    'PyTorch tutorial',
    'Accuracy of the network on the 10000 test images: 54 %',
    { 'Accuracy of the network on the 10000 test images': 54 },
  ],
  ['PyTorch quickstart', 'loss: 2.303494  [    0/60000]', { loss: 2.303494 }],
  ['PyTorch quickstart', ' Accuracy: 64.7%, Avg loss: 1.087654 ', { Accuracy: 64.7, 'Avg loss': 1.087654 }],
  [
    'HF Trainer',
    "{'loss': 1.2345, 'grad_norm': 0.91, 'learning_rate': 4.5e-05, 'epoch': 0.5}",
    { loss: 1.2345, grad_norm: 0.91, learning_rate: 4.5e-5 },
    { epoch: 0.5 },
  ],
  [
    'HF Trainer, newest',
    "{'loss': '1.234', 'grad_norm': '0.91', 'learning_rate': '4.5e-05', 'epoch': '0.5'}",
    { loss: 1.234, grad_norm: 0.91, learning_rate: 4.5e-5 },
    { epoch: 0.5 },
  ],
  ['HF Trainer', '***** eval metrics *****', {}],
  ['HF Trainer', '  eval_accuracy           =     0.8934', { eval_accuracy: 0.8934 }],
  ['HF Trainer', '  eval_runtime            = 0:00:12.31', {}],
  [
    'axolotl',
    "{'loss': 0.9123, 'grad_norm': 1.52, 'learning_rate': 0.0002, 'memory/max_mem_active(gib)': 12.4, 'epoch': 0.1}",
    { loss: 0.9123, grad_norm: 1.52, learning_rate: 0.0002 },
    { epoch: 0.1 },
  ],
  [
    'tqdm',
    'Epoch 2:  34%|███▍      | 34/100 [00:12<00:24,  2.75it/s, loss=0.512, acc=0.83]',
    { loss: 0.512, acc: 0.83 },
    { epoch: 2, step: 34, steps: 100 },
  ],
  [
    'Lightning',
    'Epoch 1:  50%|█████     | 10/20 [00:05<00:05,  1.9it/s, loss=0.7, v_num=3, train_loss=0.65]',
    { loss: 0.7, train_loss: 0.65 },
    { epoch: 1, step: 10, steps: 20 },
  ],
  ['Lightning table', '│         test_acc          │    0.9123456478118896     │', { test_acc: 0.9123456478118896 }],
  [
    'Lightning checkpoint',
    "Epoch 3, global step 3752: 'val_loss' reached 0.08123 (best 0.08123), saving model to '/w/x.ckpt' as top 1",
    { val_loss: 0.08123 },
    { epoch: 3, step: 3752 },
  ],
  [
    'Keras',
    '1563/1563 [==============================] - 12s 8ms/step - loss: 1.5123 - accuracy: 0.4512 - val_loss: 1.2 - val_accuracy: 0.56',
    { loss: 1.5123, accuracy: 0.4512, val_loss: 1.2, val_accuracy: 0.56 },
    { step: 1563, steps: 1563 },
  ],
  [
    'Keras',
    ' 320/1563 [=====>........................] - ETA: 9s - loss: 1.9 - accuracy: 0.31',
    { loss: 1.9, accuracy: 0.31 },
    { step: 320, steps: 1563 },
  ],
  [
    'Keras 3',
    '1563/1563 ━━━━━━━━━━━━━━━━━━━━ 13s 8ms/step - accuracy: 0.4512 - loss: 1.5123',
    { accuracy: 0.4512, loss: 1.5123 },
    { step: 1563, steps: 1563 },
  ],
  ['Keras verbose=2', '938/938 - 2s - 3ms/step - accuracy: 0.92 - loss: 0.27', { accuracy: 0.92, loss: 0.27 }, { step: 938, steps: 938 }],
  ['Keras callback', 'Epoch 3: val_loss improved from 0.53210 to 0.48311, saving model to best.keras', { val_loss: 0.48311 }, { epoch: 3 }],
  ['TF Estimator', 'INFO:tensorflow:loss = 0.2311, step = 1200 (0.412 sec)', { loss: 0.2311 }, { step: 1200 }],
  [
    'TF Estimator',
    'INFO:tensorflow:Saving dict for global step 1000: accuracy = 0.93, global_step = 1000, loss = 0.2',
    { accuracy: 0.93, loss: 0.2 },
    { step: 1000 },
  ],
  [
    'fairseq',
    '2023-01-01 10:00:00 | INFO | train | epoch 002 | loss 5.123 | nll_loss 3.91 | ppl 15.03 | wps 10211.3 | ups 2.4 | wpb 4213.1 | bsz 120 | num_updates 812 | lr 0.00012 | gnorm 1.3 | train_wall 340 | wall 712',
    { loss: 5.123, nll_loss: 3.91, ppl: 15.03, wps: 10211.3, ups: 2.4, lr: 0.00012, gnorm: 1.3 },
    { epoch: 2, step: 812 },
  ],
  [
    'ESPnet',
    '[node1] 2023-01-01 10:00:00,123 (trainer:737) INFO: 3epoch:train:1-500batch: iter_time=0.002, forward_time=0.1, loss_ctc=51.2, loss_att=40.1, acc=0.41, loss=43.5, optim0_lr0=1.5e-04, train_time=0.5',
    { loss_ctc: 51.2, loss_att: 40.1, acc: 0.41, loss: 43.5, optim0_lr0: 0.00015 },
    { epoch: 3 },
  ],
  [
    'Megatron-LM',
    ' iteration      100/  5000 | consumed samples:        25600 | elapsed time per iteration (ms): 812.3 | learning rate: 1.5E-04 | global batch size:   256 | lm loss: 4.512E+00 | loss scale: 65536.0 | grad norm: 1.21 | number of skipped iterations:   0 | number of nan iterations:   0 |',
    { 'learning rate': 0.00015, 'lm loss': 4.512, 'grad norm': 1.21 },
    { step: 100, steps: 5000 },
  ],
  [
    'Megatron-LM',
    ' validation loss at iteration 1000 | lm loss value: 3.21E+00 | lm loss PPL: 2.48E+01 | ',
    { 'lm loss value': 3.21, 'lm loss PPL': 24.8 },
    { step: 1000 },
  ],
  [
    'DeepSpeed',
    '[2024-01-01 10:00:00,123] [INFO] [logging.py:96:log_dist] [Rank 0] step=20, skipped=0, lr=[1e-05], mom=[(0.9, 0.999)]',
    { lr: 1e-5 },
    { step: 20 },
  ],
  ['nanoGPT', 'iter 120: loss 3.4123, time 132.21ms, mfu 38.21%', { loss: 3.4123, mfu: 38.21 }, { step: 120 }],
  ['nanoGPT', 'step 250: train loss 2.9123, val loss 3.0123', { 'train loss': 2.9123, 'val loss': 3.0123 }, { step: 250 }],
  ['torchtune', '1|10|Loss: 1.2345:  10%|█         | 10/100 [00:10<01:30,  1.00s/it]', { Loss: 1.2345 }, { epoch: 1, step: 10 }],
  ['kohya', 'steps:  10%|█         | 160/1600 [01:00<09:00,  2.67it/s, avr_loss=0.112]', { avr_loss: 0.112 }, { step: 160, steps: 1600 }],
  [
    'diffusers',
    'Steps:   3%|▎         | 30/1000 [00:30<15:12,  1.06it/s, lr=0.0001, step_loss=0.0213]',
    { lr: 0.0001, step_loss: 0.0213 },
    { step: 30, steps: 1000 },
  ],
  [
    'mmengine',
    '2023/01/01 10:00:00 - mmengine - INFO - Epoch(train)  [3][ 50/120]  lr: 1.0000e-02  eta: 0:10:00  time: 0.31  data_time: 0.01  memory: 4012  grad_norm: 5.1  loss: 0.812  loss_cls: 0.5',
    { lr: 0.01, grad_norm: 5.1, loss: 0.812, loss_cls: 0.5 },
    { epoch: 3, step: 50, steps: 120 },
  ],
  [
    'mmengine',
    '2023/01/01 10:00:00 - mmengine - INFO - Iter(train) [   50/80000]  lr: 1.0000e-02  eta: 6:12:10  time: 0.2791  loss: 2.1234  decode.acc_seg: 41.2',
    { lr: 0.01, loss: 2.1234, 'decode.acc_seg': 41.2 },
    { step: 50, steps: 80000 },
  ],
  [
    'mmcv',
    '2021-01-01 10:00:00,123 - mmdet - INFO - Epoch [1][50/7330]\tlr: 1.978e-03, eta: 4:01:02, time: 0.31, data_time: 0.05, memory: 3900, loss_cls: 1.1, acc: 78.1, loss: 1.9',
    { lr: 0.001978, loss_cls: 1.1, acc: 78.1, loss: 1.9 },
    { epoch: 1, step: 50, steps: 7330 },
  ],
  [
    'detectron2',
    '[01/01 10:00:00 d2.utils.events]:  eta: 1:10:00  iter: 199  total_loss: 1.912  loss_cls: 0.81  time: 0.31  data_time: 0.01  lr: 0.0049  max_mem: 3012M',
    { total_loss: 1.912, loss_cls: 0.81, lr: 0.0049 },
    { step: 199 },
  ],
  [
    'YOLOv8',
    '      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n       3/50      2.31G      1.213      1.415      1.102         24        640: 100%|██████████| 32/32 [00:10<00:00,  3.1it/s]',
    { box_loss: 1.213, cls_loss: 1.415, dfl_loss: 1.102 },
    { epoch: 3, epochs: 50, step: 32, steps: 32 },
  ],
  [
    'YOLOv8',
    '                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|██████████| 4/4 [00:01<00:00,  2.1it/s]\n                   all        128        929       0.64      0.537      0.605      0.446',
    { P: 0.64, R: 0.537, mAP50: 0.605, 'mAP50-95': 0.446 },
  ],
  [
    'YOLOv5, older',
    '     Epoch   gpu_mem       box       obj       cls    labels  img_size\n       0/2     3.62G   0.04621   0.06712   0.02011       210       640: 100%|██████████| 8/8 [00:04<00:00,  1.9it/s]',
    { box: 0.04621, obj: 0.06712, cls: 0.02011 },
    { epoch: 0, epochs: 2, step: 8, steps: 8 },
  ],
  [
    'darknet',
    ' 512: 1.412312, 1.512311 avg loss, 0.001000 rate, 3.1 seconds, 32768 images, 4.1 hours left',
    { 'avg loss': 1.512311, rate: 0.001 },
    { step: 512 },
  ],
  [
    'fastai',
    'epoch     train_loss  valid_loss  accuracy  time    \n0         0.512311    0.412311    0.851231  00:12     ',
    { train_loss: 0.512311, valid_loss: 0.412311, accuracy: 0.851231 },
    { epoch: 0 },
  ],
  [
    'timm',
    'Train: 3 [  50/1251 (  4%)]  Loss: 6.934 (6.95)  Time: 0.412s, 2485.43/s  (0.51s, 2000.12/s)  LR: 1.000e-04  Data: 0.011 (0.035)',
    { Loss: 6.934, LR: 0.0001 },
    { epoch: 3, step: 50, steps: 1251 },
  ],
  [
    'NeMo',
    'Training epoch 0, iteration 3/99 | lr: 5.8e-07 | global_batch_size: 64 | global_step: 3 | reduced_train_loss: 1.07 | train_step_timing in s: 1.21 | consumed_samples: 256',
    { lr: 5.8e-7, reduced_train_loss: 1.07 },
    { epoch: 0, step: 3, steps: 99 },
  ],
  [
    'SpeechBrain',
    'epoch: 2, lr: 1.00e-03 - train loss: 2.51 - valid loss: 2.12, valid CER: 30.12, valid WER: 51.2',
    { lr: 0.001, 'train loss': 2.51, 'valid loss': 2.12, 'valid CER': 30.12, 'valid WER': 51.2 },
    { epoch: 2 },
  ],
  [
    'icefall',
    '2023-01-01 10:00:00,123 INFO [train.py:422] Epoch 1, batch 50, loss[loss=0.5123, over 2436.00 frames. ], tot_loss[loss=0.6123, over 32436.00 frames. ], batch size: 4',
    { loss: 0.5123, tot_loss: 0.6123 },
    { epoch: 1, step: 50 },
  ],
  ['stable-baselines3', '|    ep_rew_mean          | 121         |', { ep_rew_mean: 121 }],
  ['stable-baselines3', '|    policy_gradient_loss | -0.0123     |', { policy_gradient_loss: -0.0123 }],
  ['stable-baselines3', '|    time_elapsed         | 12          |', {}],
  ['RLlib', '  episode_reward_mean: 121.5', { episode_reward_mean: 121.5 }],
  ['CleanRL', 'global_step=1024, episodic_return=23.0', { episodic_return: 23 }, { step: 1024 }],
  ['XGBoost', '[10]\ttrain-logloss:0.41231\teval-logloss:0.51231', { 'train-logloss': 0.41231, 'eval-logloss': 0.51231 }, { step: 10 }],
  [
    'LightGBM',
    "[100]\ttraining's binary_logloss: 0.41231\tvalid_1's binary_logloss: 0.51231",
    { "training's binary_logloss": 0.41231, "valid_1's binary_logloss": 0.51231 },
    { step: 100 },
  ],
  [
    'CatBoost',
    '100:\tlearn: 0.4123100\ttest: 0.5123100\tbest: 0.5113 (92)\ttotal: 1.2s\tremaining: 11s',
    { learn: 0.41231, test: 0.51231, best: 0.5113 },
    { step: 100 },
  ],
  ['scikit-learn MLP', 'Iteration 12, loss = 0.41231000', { loss: 0.41231 }, { step: 12 }],
  [
    'scikit-learn boosting',
    '      Iter       Train Loss   Remaining Time \n         1           1.2123            3.12s',
    { 'Train Loss': 1.2123 },
    { step: 1 },
  ],
  [
    'scikit-learn report',
    '              precision    recall  f1-score   support\n     class a       0.91      0.82      0.86        50',
    { 'class a precision': 0.91, 'class a recall': 0.82, 'class a f1-score': 0.86 },
  ],
  ['Flax (CLU)', 'INFO:absl:[200] accuracy_test=0.91, steps_per_sec=12.1', { accuracy_test: 0.91, steps_per_sec: 12.1 }, { step: 200 }],
  [
    'Paddle',
    'global step 10, epoch: 1, batch: 10, loss: 0.68123, accu: 0.53125, speed: 3.51 step/s',
    { loss: 0.68123, accu: 0.53125, speed: 3.51 },
    { epoch: 1, step: 10 },
  ],
  [
    'PaddleClas',
    '[2023/01/01 10:00:00] ppcls INFO: [Train][Epoch 1/20][Iter: 0/31]lr(LinearWarmup): 0.00125, top1: 0.05, CELoss: 4.61, loss: 4.61, batch_cost: 3.51s, reader_cost: 0.91, ips: 9.1 samples/s, eta: 1:00:00',
    { 'lr(LinearWarmup)': 0.00125, top1: 0.05, CELoss: 4.61, loss: 4.61, ips: 9.1 },
    { epoch: 1, epochs: 20, step: 0, steps: 31 },
  ],
  [
    'MXNet',
    'INFO:root:Epoch[1] Batch [100]\tSpeed: 1021.32 samples/sec\taccuracy=0.512',
    { Speed: 1021.32, accuracy: 0.512 },
    { epoch: 1, step: 100 },
  ],
  ['MXNet', 'INFO:root:Epoch[1] Validation-accuracy=0.612', { 'Validation-accuracy': 0.612 }, { epoch: 1 }],
  ['MXNet', 'INFO:root:Epoch[1] Time cost=12.312', {}],
  [
    'Caffe',
    'I0101 10:00:00.123456  1234 solver.cpp:218] Iteration 100 (3.51 iter/s, 28.4s/100 iters), loss = 0.5123',
    { loss: 0.5123 },
    { step: 100 },
  ],
  ['Caffe', 'I0101 10:00:00.123456  1234 solver.cpp:398]     Test net output #0: accuracy = 0.9123', { accuracy: 0.9123 }],
  [
    'JSON lines',
    '{"epoch": 3, "step": 120, "train_loss": 0.512, "lr": 0.001, "time": 12.3}',
    { train_loss: 0.512, lr: 0.001 },
    { epoch: 3, step: 120 },
  ],
  ['W&B summary', 'wandb:             val_loss 0.51231', { val_loss: 0.51231 }],
  ['W&B summary', 'wandb:             _runtime 123.4', {}],
  [
    'Markdown',
    '| epoch | train_loss | val_acc |\n|-------|------------|---------|\n| 3     | 0.512      | 0.812   |',
    { train_loss: 0.512, val_acc: 0.812 },
    { epoch: 3 },
  ],
  ['CSV', 'epoch,train_loss,val_loss\n3,0.512,0.612', { train_loss: 0.512, val_loss: 0.612 }, { epoch: 3 }],
  [
    'spaCy',
    '  E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  ENTS_P  ENTS_R  SCORE \n  1     200         12.12    512.31   61.23   62.34   60.12    0.61',
    { 'LOSS TOK2VEC': 12.12, 'LOSS NER': 512.31, ENTS_F: 61.23, ENTS_P: 62.34, ENTS_R: 60.12, SCORE: 0.61 },
  ],
  [
    'a table behind a label',
    '[05/01 10:00:00 d2.evaluation.testing]: copypaste: AP,AP50,AP75\n[05/01 10:00:00 d2.evaluation.testing]: copypaste: 37.91,58.12,41.01',
    { AP: 37.91, AP50: 58.12, AP75: 41.01 },
  ],
  ['a rate named by its unit', 'step 3/100 | loss 3.91 | 51.2% bf16 MFU | 102345 tok/s', { loss: 3.91, 'tok/s': 102345 }, { step: 3 }],
  ['BigDL', 'Train 17 in 4.38seconds. Throughput is 408.4 records/second. Loss is 1.26.', { Throughput: 408.4, Loss: 1.26 }],
  ['LightGBM', "[87]\ttrain's l2: 0.0912\tvalid's l2: 0.1234", { "train's l2": 0.0912, "valid's l2": 0.1234 }, { step: 87 }],
  ['CatBoost', 'bestTest = 0.0325', { bestTest: 0.0325 }],
  ['DeepSpeed', '[2024-05-01 10:00:00,123] [INFO] [timer.py:166:stop] 0/130, SamplesPerSec=29.52', { SamplesPerSec: 29.52 }],
  ['names in capitals', 'Epoch: [1][3/10]  Loss:0.38 (Avg 0.55) (AvgTime 1.4)', { Loss: 0.38, Avg: 0.55 }, { epoch: 1, step: 3 }],
  ['nan', 'step 12 | loss nan | grad_norm inf', { loss: NaN, grad_norm: Infinity }, { step: 12 }],
  ['of which steps, not which step', 'Mean outer loss after inner updates : 12.25', { 'Mean outer loss after inner updates': 12.25 }],
  ['of which steps, not which step', 'Accuracy for first batch: 0.25', { 'Accuracy for first batch': 0.25 }],
  ['TF Estimator', 'INFO:tensorflow:Loss for final step: 0.0125.', { 'Loss for final step': 0.0125 }],
  ['an epoch that is not over', 'Best loss so far at epoch: 2.5', {}, { epoch: 2.5 }],
  [
    'MAE, BEiT and kin',
    'Epoch: [2]  [ 40/300]  eta: 0:05:12  lr: 0.000100  min_lr: 0.000001  loss: 0.5123 (0.5312)  loss_scale: 65536.0000 (65536.0000)  weight_decay: 0.0500 (0.0500)  time: 1.1234  data: 0.0123  max mem: 8012',
    { lr: 0.0001, min_lr: 0.000001, loss: 0.5123, weight_decay: 0.05 },
    { epoch: 2, step: 40, steps: 300 },
  ],
  [
    'DINOv2',
    'Averaged stats: lr: 0.0010 (0.0005)  wd: 0.0400 (0.0400)  mom: 0.9920 (0.9920)  total_loss: 11.2500 (11.5000)',
    { lr: 0.001, wd: 0.04, mom: 0.992, total_loss: 11.25 },
  ],
  [
    'the same in another unit',
    'Epoch 3/10 | train: -1234.5 (-2.25 bpd) | val: 1.5 nats (2.16 bits/dim)',
    { train: -1234.5, 'train bpd': -2.25, val: 1.5, 'val bits/dim': 2.16 },
    { epoch: 3, epochs: 10 },
  ],
  ['the same in another unit', 'step 30: loss 2.25 (9.49 ppl)', { loss: 2.25, ppl: 9.49 }, { step: 30 }],
  ['no unit of an outcome', 'Epoch 3: loss 2.25 (1.5 min), acc 0.75 (12.5 samples/s)', { loss: 2.25, acc: 0.75 }, { epoch: 3 }],
  ['behind an arrow', '->> conf loss:1.25 || loc loss:0.75\n->>lr:0.0005', { lr: 0.0005 }],
  ['behind an arrow, before anything was measured', '=> model: resnet\n=> lr: 0.1', {}],
  ['stable-baselines3', 'Eval num_timesteps=20000, episode_reward=1.50 +/- 0.25', { episode_reward: 1.5 }, { step: 20000 }],
  ['LIBSVM', 'obj = -12.25, rho = 0.75', { obj: -12.25 }],
  ['rsl_rl', '              Metrics/peak_height_mean: 0.25', { 'Metrics/peak_height_mean': 0.25 }],
  ['Isaac Lab', '   Episode_Termination/time_out: 0.25', { 'Episode_Termination/time_out': 0.25 }],
  ['RLlib', 'episode_reward_mean: 12.5\ntrain_throughput: 6012.25', { train_throughput: 6012.25 }],
  [
    'counts in a dictionary',
    '{"epoch": 3, "average loss": 0.25, "total chars": 1024.0, "total words": 256.0, "cer": 0.125}',
    { 'average loss': 0.25, cer: 0.125 },
    { epoch: 3 },
  ],
  [
    'a warning behind it',
    'cos_loss  0.25 (0.5)/venv/lib/python3.9/site-packages/torch/nn/functional.py:99: UserWarning: align_corners=False is new in 0.4, loss 1.5',
    { cos_loss: 0.25 },
  ],
];

/** Lines with numbers that are no metrics. */
const NOT_METRICS: readonly string[] = [
  'learning_rate: 0.001',
  'Namespace(lr=0.01, epochs=10, loss_weight=1.0, dropout=0.1)',
  "    loss_cls=dict(type='CrossEntropyLoss', loss_weight=1.0),",
  '  dropout: 0.1',
  'Total params: 11,173,962',
  'Total estimated model params size (MB): 44.7',
  'Epoch duration: 0:00:17.64',
  '| 0   GeForce RTX 3090    Off  | 00000000:01:00.0 Off |                  N/A |',
  '|  30%   45C    P8    21W / 350W |   1012MiB / 24268MiB |      3%      Default |',
  'Downloading model.bin: 100%|██████████| 440M/440M [00:10<00:00, 41.2MB/s]',
  '  hidden_size ..................... 8192',
  'Gradient overflow.  Skipping step, loss scaler 0 reducing loss scale to 32768.0',
  'Elapsed time: 12.3 s, peak memory: 3.21 GB',
  '  0                -1  1      3520  models.common.Conv                      [3, 32, 6, 2, 2]',
  'Found 1281167 images belonging to 1000 classes.',
  'torch.Size([64, 3, 224, 224])',
  '2.31.0',
  'wandb: 	early_stopping_delta: 0.01',
  'Using seed 42, batch size 64',
  'Map: 100%|██████████| 10000/10000 [00:03<00:00, 3123.41 examples/s]',
  '[2024-05-01 10:00:00] [config] learn-rate: 0.0003',
  '[NeMo I 2024-05-01 10:00:00 wer_bpe:123] reference: hello',
  'Training loss did not improve more than tol=0.000100 for 10 consecutive epochs. Stopping.',
  'INFO:absl:  name = crf_loss/transition:0, shape = (10, 10)',
  'Tensor("loss/Mean:0", shape=(), dtype=float32)',
  'loss/dense/bias:0 (10,)',
  'train_throughput: 12.5',
  'metrics/step_time_mean: 0.5',
  'net.py:12: UserWarning: loss 0.5',
  'F0102 10:00:00.123456  4242 a.cc:12] Check failed: loss == 0 (11 vs. 0) error: 0.5',
];

describe('metrics', () => {
  for (const [from, text, metrics, place = {}] of LINES) {
    it(`${from}: ${text
      .slice(text.lastIndexOf('\n') + 1)
      .trim()
      .slice(0, 100)}`, () => {
      const reader = new MetricReader();
      const lines = text.split('\n');
      const found = lines.map((line, i) => reader.read(line, i + 1)).pop();
      assert.deepEqual(found?.metrics ?? {}, metrics);
      for (const key of ['epoch', 'epochs', 'step', 'steps'] as const)
        if (place[key] !== undefined) assert.equal(found?.[key], place[key], key);
    });
  }

  for (const text of NOT_METRICS) {
    it(`not: ${text.trim().slice(0, 100)}`, () => {
      assert.deepEqual(new MetricReader().read(text, 1)?.metrics ?? {}, {});
    });
  }

  for (const format of FORMATS) {
    it(`format of ${format.from} reads its sample`, () => {
      assert.match(format.sample, format.pattern);
      assert.ok(Object.keys(new MetricReader().read(format.sample, 1)?.metrics ?? {}).length > 0);
    });
  }

  it('means the same by lines of one shape, with their own numbers', () => {
    const reader = new MetricReader();
    for (let i = 1; i < 50; i++)
      assert.deepEqual(reader.read(`Epoch ${i}/50 - class ${i} accuracy: 0.${i} - loss: ${i}.5e-3`, i), {
        kind: 'metrics',
        line: i,
        epoch: i,
        epochs: 50,
        step: null,
        steps: null,
        metrics: { [`class ${i} accuracy`]: Number(`0.${i}`), loss: i * 1e-3 + 0.0005 > 0 ? Number(`${i}.5e-3`) : 0 },
      });
  });

  it('takes what looks like a metric in the middle of a dump of settings for a setting', () => {
    const { monitor } = { monitor: new TrainingMonitor() };
    const lines = ['model:', '  name: resnet', '  hidden: 64', "  act: 'relu'", '  loss: 1.0', '  optimizer: adam'];
    monitor.write(`${lines.join('\n')}\n`);
    assert.deepEqual(monitor.getMetrics(), []);
  });
});
